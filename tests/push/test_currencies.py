"""An org with several currencies: amounts come and go as they are, each in the currency of its record."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_sync.database.tables.customers import salesforce_record
from flows.check_connection import check_connection
from tests.rigs.many_fields import option_link
from tests.rigs.org import PEOPLE, Rig, artifact, start_rig
from tests.rigs.pushes import Pushes

pytestmark = pytest.mark.flow

FIELDS = ["Lifetime_Value__c", "CurrencyIsoCode"]


def _ready(rig: Rig) -> None:
    rig.org.use_currencies("EUR", "USD", "JPY")
    for number, row in enumerate(rig.people("Contact")):
        values = {"Lifetime_Value__c": 1000 + number / 4, "CurrencyIsoCode": "USD" if number % 2 else "EUR"}
        if not row["IsDeleted"]:
            rig.org.records.update("Contact", row["Id"], values)
    for mapping in (rig.mapping.contact, rig.mapping.lead):
        mapping.links += [option_link("Lifetime_Value__c", "value"), option_link("CurrencyIsoCode", "currency")]
    rig.sync()


@pytest.fixture
def pushes(tmp_path: Path, database_url: str) -> Iterator[Pushes]:
    """Give a synced org with several currencies."""
    with start_rig(tmp_path, database_url, PEOPLE) as rig:
        _ready(rig)
        started = Pushes(rig, FIELDS)
        yield started


def test_amounts_come_in_the_currency_of_their_record_and_are_never_mixed_with_another(pushes: Pushes) -> None:
    rig = pushes.rig
    people = pushes.people()
    for row in people:
        there = pushes.record(row["id"])
        assert row["options"]["currency"] == there["CurrencyIsoCode"]
        assert float(row["options"]["value"]) == there["Lifetime_Value__c"]
    assert {row["options"]["currency"] for row in people} == {"EUR", "USD"}
    assert not [row for row in rig.rows(salesforce_record) if "convertCurrency" in str(row)]
    check_connection(**rig.blocks())
    assert "CurrencyIsoCode" in artifact("connection")

    first, second, third, fourth = (row["id"] for row in people[:4])
    for one in (first, second, third):
        pushes.change_options(one, value=7, currency="EUR")
    pushes.change_options(fourth, value=7, currency="XXX")
    # Since the last pull the first one's record counts yen, with the number that it had.
    rig.org.records.update("Contact", people[0]["salesforce_id"], {"CurrencyIsoCode": "JPY"})
    pushes.enter([first, second, third, fourth])
    had = pushes.record(first)["Lifetime_Value__c"], pushes.record(fourth)["Lifetime_Value__c"]

    result = pushes.push()

    assert result.success == {second, third}
    assert {(pushes.record(one)["Lifetime_Value__c"], pushes.record(one)["CurrencyIsoCode"]) for one in
            (second, third)} == {(7, "EUR")}  # fmt: skip
    assert (pushes.record(first)["Lifetime_Value__c"], pushes.record(first)["CurrencyIsoCode"]) == (had[0], "JPY")
    assert pushes.record(fourth)["Lifetime_Value__c"] == had[1], "no amount without the currency that it is in"

    rig.pull()
    assert pushes.customer(first)["options"]["currency"] == "JPY"
    assert float(pushes.customer(first)["options"]["value"]) == had[0]
