"""A batch looks its records up: what it reads of the tables grows with the batch and not with the tables."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, text

from crm_sync.consent.cycle_store import Cycle, close_cycle
from crm_sync.consent_words import Channel
from crm_sync.database.engine import CustomerDatabase
from crm_sync.sobject import SObject
from tests.rigs.story import HASHES, Story

_KNOWN = 3_000
_BATCH = 6
_READ = text("SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables")
_TABLES = (
    *("customer", "salesforce_record", "rejected_record"),
    *("address_consent", "consent_event", "consent_candidate", "consent_delivery"),
)


@pytest.mark.sample(2)
@pytest.mark.parametrize("analysed", [False, True], ids=["fresh", "analysed"])
def test_landing_reads_as_many_rows_as_its_batch_needs(
    each_postgresql_url: str, request: pytest.FixtureRequest, *, analysed: bool
) -> None:
    database = CustomerDatabase(each_postgresql_url, HASHES.key)
    request.addfinalizer(database.close)
    read: dict[str, int] = {}

    @contextmanager
    def transaction() -> Iterator[Connection]:
        with database.transaction() as connection:
            # The view also counts what earlier transactions of the session have not reported yet.
            before = dict(connection.execute(_READ).tuples().all())
            yield connection
            now = {name: rows for name, rows in connection.execute(_READ) if name in _TABLES}
            read.update({name: rows - before.get(name, 0) for name, rows in now.items()})

    story = Story(transaction)
    story.land(*(story.contact(number, f"p{number}@x.org") for number in range(_KNOWN)))
    story.land(*(story.lead(number, f"l{number}@x.org", HasOptedOutOfEmail="true") for number in range(_KNOWN)))
    if analysed:
        with database.transaction() as connection:
            connection.execute(text("ANALYZE"))
    some = range(0, _KNOWN, _KNOWN // _BATCH)
    converted = {"IsConverted": "true", "ConvertedContactId": "003000000000000001"}
    batches = {
        "changed": [story.contact(number, f"p{number}@x.org", at=1, LastName="King") for number in some],
        "new": [story.contact(_KNOWN + number, f"new{number}@x.org") for number in some],
        "rekeyed": [story.contact(number, f"moved{number}@x.org", at=2) for number in some],
        "at no": [story.contact(number, f"p{number}@x.org", at=3, HasOptedOutOfEmail="true") for number in some],
        "at yes again": [story.contact(number, f"p{number}@x.org", at=4) for number in some],
        "beside a no": [story.contact(2 * _KNOWN + number, f"l{number}@x.org") for number in some],
        "converted": [story.lead(number, f"l{number}@x.org", at=1, **converted) for number in some],
    }
    for kind, batch in batches.items():
        read.clear()
        story.land(*batch)
        assert {name: rows for name, rows in read.items() if rows > _KNOWN / 4} == {}, kind
    read.clear()
    linked = {one: [Channel.EMAIL] for one in SObject}
    with transaction() as connection:
        close_cycle(connection, Cycle(HASHES, story.run, story.now, linked))
    assert {name: rows for name, rows in read.items() if rows > _KNOWN / 4} == {}
