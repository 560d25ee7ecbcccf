"""What a pull or a dry run shows to a person: every change that there is, and none that there is not."""

from datetime import timedelta

import pandas as pd
from sqlalchemy import Connection, update

from crm_sync.customers.dry_run import preview_batches
from crm_sync.customers.landing_context import LandingContext
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from crm_sync.mapping.transform import map_records
from crm_sync.pull.record_changes_store import SHOWN_CHANGES, changes_to_come
from crm_sync.sobject import SObject
from tests.rigs.story import HASHES, Record, Story

_TYPES = {"Score__c": "double", "Birthdate": "date", "VIP__c": "boolean", "HasOptedOutOfEmail": "boolean"}


def _mapped(story: Story, *records: Record) -> tuple[pd.DataFrame, dict[SObject, dict[str, str]]]:
    types = {s: {f: _TYPES.get(f, "string") for f in story.rules.of(s).salesforce_fields} for s in SObject}
    frame = pd.DataFrame(list(records), dtype="str")
    return map_records(frame, SObject.CONTACT, story.rules.contact, types[SObject.CONTACT]), types


def test_what_is_read_again_does_not_hide_what_is_new(story: Story, database: CustomerDatabase) -> None:
    known = [story.contact(number, f"{number}@x.org") for number in range(SHOWN_CHANGES + 10)]
    story.land(*known)
    batch, _ = _mapped(story, *known, story.contact(999, "new@x.org", at=1), story.contact(3, "3@x.org", at=1))

    with database.transaction() as connection:
        found = changes_to_come(connection, batch, SObject.CONTACT, SHOWN_CHANGES)

    assert [(change.salesforce_id, change.what) for change in found] == [(story.contact(999, None)["Id"], "new")]


def test_no_more_changes_are_shown_than_are_asked_for(story: Story, database: CustomerDatabase) -> None:
    batch, _ = _mapped(story, *(story.contact(number, f"{number}@x.org") for number in range(9)))

    with database.transaction() as connection:
        assert len(changes_to_come(connection, batch, SObject.CONTACT, 4)) == 4
        assert changes_to_come(connection, batch, SObject.CONTACT, 0) == []


def test_number_that_only_one_customer_has_is_shown_as_it_is(story: Story, database: CustomerDatabase) -> None:
    story.land(story.contact(1, "a@x.org"))
    with database.transaction() as connection:
        _give_option(connection, "a@x.org", 9_007_199_254_740_993)
    batch, types = _mapped(
        story, story.contact(1, "a@x.org", at=1, LastName="King"), story.contact(2, "b@x.org", at=1, LastName="King")
    )
    landing = LandingContext(story.rules, types, story.run, story.now + timedelta(minutes=1), HASHES)

    _, changes = preview_batches(database, [(SObject.CONTACT, batch)], landing, show_values=True)

    known = changes[changes["change"] == "changed"]
    assert list(zip(known["field"], known["old"], known["new"], strict=True)) == [("lastname", "Lovelace", "King")]


def _give_option(connection: Connection, key: str, number: int) -> None:
    held = customer.c.unique_key == key
    options = {"own": number, "score": None, "vip": False}
    connection.execute(update(customer).where(held).values(options=options))
