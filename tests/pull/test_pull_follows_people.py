"""A customer stays one person through conversion, deletion, merge and a new address."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crm_sync.database.tables.customers import customer, salesforce_record
from tests.rigs.org import Rig, settled, start_rig
from tests.rigs.pulls import Row, add_contact, by_unique_field

pytestmark = pytest.mark.flow


def _settled_by_email(rig: Rig) -> None:
    rig.mapping = by_unique_field("Email")
    settled(rig)


def _settled_by_id(rig: Rig) -> None:
    rig.mapping = by_unique_field("Id")
    settled(rig)


@pytest.fixture(params=[_settled_by_email, _settled_by_id], ids=["Email", "Id"])
def by_either(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Iterator[Rig]:
    """Start an org with nobody in it, synced by either unique field."""
    with start_rig(tmp_path, database_url, 0, request.param) as rig:
        yield rig


def _only_customer(rig: Rig) -> Row:
    (found,) = rig.rows(customer)
    return found


def test_converted_lead_keeps_its_customer(by_either: Rig) -> None:
    rig = by_either
    lead_id = rig.org.records.insert("Lead", {"LastName": "Lovelace", "Company": "Acme", "Email": "ada@example.org"})
    rig.pull()
    before = _only_customer(rig)
    assert (before["status"], before["salesforce_id"]) == ("Prospect", lead_id)

    contact_id = rig.org.records.convert(lead_id)
    rig.pull()

    after = _only_customer(rig)
    assert after["id"] == before["id"]
    assert (after["status"], after["salesforce_object"], after["salesforce_id"]) == ("Customer", "Contact", contact_id)
    (lead,) = [row for row in rig.rows(salesforce_record) if row["id"] == lead_id]
    assert (lead["customer_id"], lead["converted_contact_id"]) == (before["id"], contact_id)


def test_lead_that_is_converted_between_two_queries_keeps_its_customer(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_rig(tmp_path, sqlite_url, 0, _settled_by_id) as rig:
        lead_id = rig.org.records.insert("Lead", {"LastName": "Lovelace", "Company": "Acme"})
        rig.pull()
        number, query, asked = _only_customer(rig)["id"], rig.org.query, list[str]()

        def query_and_convert(soql: str, **options: Any) -> Any:
            found = query(soql, **options)
            asked.append(soql)
            if len(asked) == 1:
                rig.org.records.convert(lead_id)
            return found

        monkeypatch.setattr(rig.org, "query", query_and_convert)
        rig.pull()
        assert len(asked) == 2
        rig.pull()

        found = _only_customer(rig)
        assert (found["id"], found["status"]) == (number, "Customer")


def test_next_in_line_speaks_when_the_survivor_is_deleted_and_back(by_either: Rig) -> None:
    rig = by_either
    lead_id = rig.org.records.insert("Lead", {"LastName": "Lead", "Company": "Acme", "Email": "ada@example.org"})
    contact_id = rig.org.records.convert(lead_id)
    rig.org.records.update("Contact", contact_id, {"LastName": "Contact"})
    rig.pull()
    number = _only_customer(rig)["id"]
    for call, name, status in (("delete", "Lead", "Prospect"), ("undelete", "Contact", "Customer")):
        rig.clock.move(minutes=10)
        getattr(rig.org.records, call)("Contact", contact_id)

        rig.pull()

        found = _only_customer(rig)
        assert (found["id"], found["lastname"], found["status"]) == (number, name, status)
        assert found["deleted_in_salesforce_at"] is None


def test_deleted_person_is_marked_and_unmarked(by_either: Rig) -> None:
    rig = by_either
    contact_id = add_contact(rig, Email="ada@example.org")
    rig.pull()
    rig.clock.move(minutes=10)
    rig.org.records.delete("Contact", contact_id)

    rig.pull()
    assert _only_customer(rig)["deleted_in_salesforce_at"] is not None

    rig.clock.move(minutes=10)
    rig.org.records.undelete("Contact", contact_id)
    rig.pull()
    assert _only_customer(rig)["deleted_in_salesforce_at"] is None


def test_merged_person_is_joined_to_the_master_and_no_longer_mailed(by_either: Rig) -> None:
    rig = by_either
    master_id, loser_id = add_contact(rig, Email="ada@example.org"), add_contact(rig, Email="ada@old.example.org")
    rig.pull()
    by_record = {row["salesforce_id"]: row for row in rig.rows(customer)}
    rig.clock.move(minutes=10)
    rig.org.records.merge("Contact", master_id, loser_id)

    rig.pull()

    found = {row["id"]: row for row in rig.rows(customer)}
    loser, master = found[by_record[loser_id]["id"]], found[by_record[master_id]["id"]]
    assert (loser["merged_into_customer_id"], loser["mail_status"]) == (master["id"], "INACTIVE")
    assert (master["merged_into_customer_id"], master["mail_status"]) == (None, None)

    rig.clock.move(minutes=10)
    rig.org.records.undelete("Contact", loser_id)
    rig.pull()
    back = {row["id"]: row for row in rig.rows(customer)}[loser["id"]]
    assert (back["merged_into_customer_id"], back["mail_status"], back["deleted_in_salesforce_at"]) == (None,) * 3


def test_customer_follows_a_new_address(by_either: Rig) -> None:
    rig = by_either
    contact_id = add_contact(rig, Email="ada@old.example.org")
    rig.pull()
    before = _only_customer(rig)
    rig.org.records.update("Contact", contact_id, {"Email": "ada@new.example.org"})

    rig.pull()

    after = _only_customer(rig)
    assert (after["id"], after["email_address"]) == (before["id"], "ada@new.example.org")
