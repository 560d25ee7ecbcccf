"""The address of a stand-in on this machine, in place of the real system."""

import ipaddress
from urllib.parse import urlsplit

from crm_sync.errors import ConfigurationError


def loopback_endpoint(endpoint_url: str) -> tuple[str, str]:
    """Return scheme and host:port of an endpoint override; raises ConfigurationError unless loopback."""
    refusal = ConfigurationError(
        "The endpoint URL may only name this machine, like http://127.0.0.1:8080; leave it empty to reach the real "
        "system."
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
