"""Proxies that the environment names: none between processes of this machine, and none that nobody here can use."""

import os
from collections.abc import Iterator, MutableMapping
from urllib.parse import urlsplit

THIS_MACHINE = ("127.0.0.1", "localhost")
_EXEMPT = ("NO_PROXY", "no_proxy")
_PROXIES = {"http_proxy", "https_proxy", "all_proxy"}


def no_proxy_here(environment: MutableMapping[str, str] | None = None) -> None:
    """Let no proxy stand between processes of this machine; requests to Salesforce go on using it."""
    environment = os.environ if environment is None else environment
    # Who reads them looks at one of the two only: what either says holds for both.
    given = [host.strip() for name in _EXEMPT for host in environment.get(name, "").split(",") if host.strip()]
    # A * beside other names would not count.
    exempt = "*" if "*" in given else ",".join(dict.fromkeys([*given, *THIS_MACHINE]))
    environment.update(dict.fromkeys(_EXEMPT, exempt))


def leave_out_unusable_proxies(environment: MutableMapping[str, str]) -> Iterator[str]:
    """Take out proxies that Prefect would end with a traceback for, such as SOCKS, and yield a line for each."""
    for name in [name for name in environment if name.lower() in _PROXIES]:
        if not _is_usable(environment[name]):
            del environment[name]
            yield f"{name} is left out: only a proxy of the form http://host:port can be used; name one in https_proxy."


def _is_usable(proxy: str) -> bool:
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        return not proxy.strip() or (parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0)
    except ValueError:  # no port
        return False
