"""An amount is in the currency of its record: where that is linked too, the two are one value."""

from collections.abc import Iterable, Mapping

from crm_sync.mapping.model import FieldLink
from crm_sync.mapping.words import plain_type

# Object reference, "CurrencyIsoCode": of every record in an org with several currencies, and of such orgs only.
_CURRENCY = "currencyisocode"


def wholes_of_amounts(links: Iterable[FieldLink], types: Mapping[str, str]) -> dict[str, str]:
    """Return, by Salesforce field, the whole that a record's amounts are with its currency, where both are linked.

    `types`: as described, by Salesforce field. A currency that is not among them leaves the amounts alone.
    """
    owners = {name: name.lower().rpartition(".") for link in links if (name := link.salesforce_field) in types}
    with_currency = {owner for owner, _, field in owners.values() if field == _CURRENCY}
    return {
        name: f"amounts {owner}"
        for name, (owner, _, field) in owners.items()
        if owner in with_currency and (field == _CURRENCY or plain_type(types[name]) == "currency")
    }
