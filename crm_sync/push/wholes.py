"""Fields whose values are one value: the parts of an address, those of a name, amounts and their currency."""

import re
from collections.abc import Mapping, Sequence

from crm_sync.mapping.amounts import wholes_of_amounts
from crm_sync.mapping.model import FieldLink

# Salesforce's own compound fields (Object reference, "Address Compound Fields", "Name").
_ADDRESS = re.compile(
    r"(?P<of>[A-Za-z_]*?)_*(?:Street|City|State|StateCode|PostalCode|Country|CountryCode|Latitude|Longitude)"
    r"(?:__s)?",
    re.IGNORECASE,
)
_NAME = {"salutation", "firstname", "middlename", "lastname", "suffix"}


def find_wholes(links: Sequence[FieldLink], types: Mapping[str, str]) -> list[list[str]]:
    """Return the Salesforce fields of each whole that has several parts among the links; `types`: as described."""
    amounts = wholes_of_amounts(links, types)
    parts: dict[str, list[str]] = {}
    for link in links:
        parts.setdefault(amounts.get(link.salesforce_field) or _whole_of(link), []).append(link.salesforce_field)
    return [names for names in parts.values() if len(names) > 1]


def _whole_of(link: FieldLink) -> str:
    name = link.salesforce_field
    if name.lower() in _NAME:
        return "name"
    if found := _ADDRESS.fullmatch(name):
        return f"address {found['of'].lower()}"
    return link.group
