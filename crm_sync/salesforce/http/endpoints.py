"""The hosts that requests may go to: Salesforce's login hosts, a My Domain, or a stand-in on this machine."""

import re

from crm_sync.errors import ConfigurationError

PRODUCTION_LOGIN = "login.salesforce.com"
SANDBOX_LOGIN = "test.salesforce.com"

_MY_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)?\.my\.salesforce\.com", re.ASCII)

# Salesforce Help, "Required Domains": the hosts of orgs, of the government cloud and of China among them.
_SALESFORCE = (".salesforce.com", ".force.com", ".salesforce.mil", ".sfcrmproducts.cn")


def is_salesforce_host(host: str) -> bool:
    """Return whether the host is one of Salesforce's own."""
    return host.lower().endswith(_SALESFORCE) and re.fullmatch(r"[a-z0-9.-]+", host.lower()) is not None


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
