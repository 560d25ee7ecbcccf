"""Which record stands for a customer: the same one for a push, for the export of moments and for what lands."""

import pandas as pd
import pytest
from sqlalchemy import Connection, insert, select

from crm_sync.customers.current_record import MOST_HOPS, current_records_of_customers
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.push.targets import find_targets
from crm_sync.sobject import SObject
from tests.rigs.story import START, Story

LEAD, CONTACT, MASTER = "00Q000000000001AAA", "003000000000001AAA", "003000000000002AAA"
Row = dict[str, object]


def record(record_id: str, **changes: object) -> Row:
    """Make a mirror row."""
    row: Row = {
        "id": record_id,
        "sobject": "Lead" if record_id.startswith("00Q") else "Contact",
        "system_modstamp": START,
        "is_deleted": False,
        "is_converted": False,
        "converted_contact_id": None,
        "master_record_id": None,
        "field_values": {},
    }
    return row | changes


CONVERTED = record(LEAD, is_converted=True, converted_contact_id=CONTACT)
MERGED = record(CONTACT, is_deleted=True, master_record_id=MASTER)


def targets(
    connection: Connection,
    *own_ids: str | None,
    sobject: SObject = SObject.CONTACT,
    follow_converted: bool = True,
    joined: bool = False,
) -> list[tuple[str, str]]:
    """Return each customer's target with the code of its refusal; each later customer was changed later."""
    people = pd.DataFrame(
        {
            "own_id": pd.Series(own_ids, dtype="str"),
            "is_joined": joined,
            "modified_at": pd.date_range("2026-01-01", periods=len(own_ids), tz="UTC"),
        }
    )
    found = find_targets(connection, people, sobject, follow_converted=follow_converted)
    return list(found[["record_id", "code"]].fillna("").itertuples(index=False, name=None))


# What is asked, of a mirror with these records, and the target and refusal of each customer.
CASES: list[tuple[str, list[Row], list[str | None], dict[str, object], list[tuple[str, str]]]] = [
    ("its own record", [record(CONTACT)], [CONTACT], {}, [(CONTACT, "")]),
    ("one that no pull brought", [], [CONTACT], {}, [(CONTACT, "")]),
    ("a contact's lead", [CONVERTED, record(CONTACT)], [LEAD], {"sobject": SObject.LEAD}, [(CONTACT, "")]),
    (
        "a converted lead that is not followed",
        [CONVERTED, record(CONTACT)],
        [LEAD],
        {"sobject": SObject.LEAD, "follow_converted": False},
        [(LEAD, "CANNOT_UPDATE_CONVERTED_LEAD")],
    ),
    (
        "a merge over a conversion",
        [CONVERTED, MERGED, record(MASTER)],
        [LEAD],
        {"sobject": SObject.LEAD},
        [(MASTER, "")],
    ),
    ("a deleted one", [record(CONTACT, is_deleted=True)], [CONTACT], {}, [(CONTACT, "ENTITY_IS_DELETED")]),
    (
        "a customer without an Id, or with none that can be one",
        [record(LEAD)],
        [None, "12", LEAD],
        {},
        [("", "MISSING_ARGUMENT"), ("", "MALFORMED_ID"), (LEAD, "MALFORMED_ID")],
    ),
    (
        "merged, its own record is there",
        [record(CONTACT)],
        [CONTACT],
        {"joined": True},
        [(CONTACT, "ENTITY_IS_DELETED")],
    ),
    ("merged, its record too", [MERGED, record(MASTER)], [CONTACT], {"joined": True}, [(MASTER, "")]),
    (
        "two customers, one of which has the record as its own",
        [record(MASTER), MERGED],
        [MASTER, CONTACT],
        {},
        [(MASTER, ""), (MASTER, "DUPLICATE_VALUE")],
    ),
    (
        "two customers with the same record",
        [record(CONTACT)],
        [CONTACT, CONTACT],
        {},
        [(CONTACT, "DUPLICATE_VALUE"), (CONTACT, "")],
    ),
    (
        "an Id of 15 characters",
        [record("003D000000QmkPdIAJ")],
        ["003D000000QmkPd", None, "003D000000QmkPdIA?"],
        {},
        [("003D000000QmkPdIAJ", ""), ("", "MISSING_ARGUMENT"), ("", "MALFORMED_ID")],
    ),
    (
        "a lead's Id of 15 characters",
        [record("00QaBcDeFGHIjklU0D")],
        ["00QaBcDeFGHIjkl"],
        {"sobject": SObject.LEAD},
        [("00QaBcDeFGHIjklU0D", "")],
    ),
]


def test_push_writes_the_current_record_or_is_refused_as_salesforce_would(database: CustomerDatabase) -> None:
    with database.transaction() as connection:
        for what, mirror, own_ids, settings, expected in CASES:
            if mirror:
                connection.execute(insert(salesforce_record), mirror)
            assert targets(connection, *own_ids, **settings) == expected, what  # type: ignore[arg-type]
            connection.execute(salesforce_record.delete())


def test_circle_of_merges_is_a_refusal(database: CustomerDatabase) -> None:
    with database.transaction() as connection:
        back = record(MASTER, is_deleted=True, master_record_id=CONTACT)
        connection.execute(insert(salesforce_record), [MERGED, back])
        ((_, code),) = targets(connection, CONTACT)
    assert code == "ENTITY_IS_DELETED"


@pytest.mark.parametrize(("merges", "is_followed"), [(10, True), (MOST_HOPS + 1, False)])
def test_push_and_export_agree_on_a_chain_of_merges(
    story: Story, database: CustomerDatabase, merges: int, is_followed: bool
) -> None:
    story.land(*(story.contact(number, f"{number}@x.org") for number in range(merges + 1)))
    ids = [str(story.contact(number, None)["Id"]) for number in range(merges + 1)]
    for number in range(merges):
        loser = story.contact(number, f"{number}@x.org", at=1, IsDeleted="true", MasterRecordId=ids[number + 1])
        story.land(loser)
    first = select(customer.c.id).where(customer.c.unique_key == "0@x.org")
    with database.transaction() as connection:
        ((record_id, code),) = targets(connection, ids[0], joined=True)
        exported = current_records_of_customers(first, both_objects=False)
        parents = connection.scalars(select(exported.c.parent_id)).all()
    assert (record_id if not code else None) == (ids[-1] if is_followed else None)
    assert parents == ([ids[-1]] if is_followed else [])
