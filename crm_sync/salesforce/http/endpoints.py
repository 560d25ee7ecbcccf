"""The hosts that requests may go to: Salesforce's login hosts, a My Domain, or a stand-in on this machine."""

import ipaddress
import re
from urllib.parse import urlsplit

from crm_sync.errors import ConfigurationError

PRODUCTION_LOGIN = "login.salesforce.com"
SANDBOX_LOGIN = "test.salesforce.com"

_MY_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)?\.my\.salesforce\.com", re.ASCII)


def login_host(my_domain: str | None, *, sandbox: bool) -> str:
    """Return the host to log in at; accepts 'acme', 'acme.my.salesforce.com' or that as a URL.

    Rule: SOAP login() and OAuth are served by login, test and My Domain hosts, never by Lightning hosts.
    Raises ConfigurationError with the address to enter.
    """
    typed = (my_domain or "").strip().lower()
    if not typed:
        return SANDBOX_LOGIN if sandbox else PRODUCTION_LOGIN
    host = typed.removeprefix("https://").partition("/")[0]
    if host in {PRODUCTION_LOGIN, SANDBOX_LOGIN}:
        return host
    if host.endswith(".lightning.force.com"):
        raise ConfigurationError(
            "A lightning.force.com address takes no logins; enter the My Domain address, which ends in "
            ".my.salesforce.com (Salesforce Setup > My Domain shows it)."
        )
    if "--" in host and "." not in host:
        # Since enhanced domains, a sandbox's My Domain always carries this label.
        host += ".sandbox"
    host = f"{host.removesuffix('.my.salesforce.com').removesuffix('.my')}.my.salesforce.com"
    if not _MY_DOMAIN.fullmatch(host):
        raise ConfigurationError(
            "This is no My Domain; enter its name, like acme, or its address, like acme.my.salesforce.com "
            "(Salesforce Setup > My Domain shows it)."
        )
    return host


def is_my_domain(host: str) -> bool:
    """Return whether the host is a My Domain, and none of the two shared login hosts."""
    return host not in {PRODUCTION_LOGIN, SANDBOX_LOGIN}


def loopback_endpoint(endpoint_url: str) -> tuple[str, str]:
    """Return scheme and host:port of an endpoint override; raises ConfigurationError unless loopback."""
    refusal = ConfigurationError(
        "The endpoint URL may only name this machine, like http://127.0.0.1:8080; leave it empty to reach Salesforce."
    )
    try:
        parts = urlsplit(endpoint_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise refusal from None
    has_more = parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in {"http", "https"} or has_more or not _is_loopback(host):
        raise refusal
    shown = f"[{host}]" if ":" in host else host
    return parts.scheme, f"{shown}:{port}" if port else shown


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
