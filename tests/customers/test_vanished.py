"""Which records of the mirror are compared with those that Salesforce still has."""

from datetime import timedelta

import pandas as pd

from crm_sync.customers.vanished import is_sole_source, live_ids, to_deleted_records
from crm_sync.database.engine import CustomerDatabase
from crm_sync.pull.watermarks_store import Watermark, advance_watermark
from crm_sync.sobject import SObject
from tests.rigs.story import START, Story


def _mark(database: CustomerDatabase, org: str) -> None:
    with database.transaction() as connection:
        advance_watermark(connection, org, Watermark(SObject.LEAD, START, "print", "Email", {}))


def test_live_records_of_one_object_that_have_settled(story: Story, database: CustomerDatabase) -> None:
    story.land(story.lead(1, "a@x.org"), story.lead(2, "b@x.org", IsDeleted="true"), story.lead(3, None, at=5))
    story.land(story.contact(1, "a@x.org"))
    before = START + timedelta(minutes=5)
    with database.transaction() as connection:
        (found,) = live_ids(connection, SObject.LEAD, after="", before=before, limit=9)
        behind = live_ids(connection, SObject.LEAD, after=found, before=before + timedelta(minutes=1), limit=9)
        vanished = to_deleted_records(connection, pd.Series([found], dtype="str"), ["Email"])
    assert [found, *behind] == [story.lead(1, None)["Id"], story.lead(3, None)["Id"]]
    (record,) = vanished.to_dict("records")
    assert (record["Id"], record["Email"], record["IsDeleted"]) == (found, "a@x.org", "true")


def test_mirror_that_another_org_fills_too_proves_nothing(database: CustomerDatabase) -> None:
    seen = []
    for org in ("org", "another"):
        _mark(database, org)
        with database.transaction() as connection:
            seen.append(is_sole_source(connection, "org"))
    assert seen == [True, False]
