"""The portal of a Deployteq account: the host that its users log in at."""

import re

from crm_sync.errors import ConfigurationError

PATH = "/app/api/soap/public/index.php"
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+", re.ASCII)


def portal_host(typed: str) -> str:
    """Return the host that was typed; raises ConfigurationError for an address with scheme, path or spaces."""
    host = typed.strip().lower()
    if not _HOST.fullmatch(host):
        raise ConfigurationError(
            "The portal host is the bare host at which you log in to Deployteq, like secure.myclang.com, without "
            "https:// and without anything behind it."
        )
    return host


def endpoint(host: str, version: str, scheme: str = "https") -> str:
    """Return the address of the interface."""
    return f"{scheme}://{host}{PATH}?version={version}&type=literal"
