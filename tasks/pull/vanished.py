"""Records that Salesforce no longer holds: deleted, and vanished from its recycle bin before a pull could see it."""

from datetime import datetime, timedelta

import pandas as pd
from prefect import task

from crm_sync.columns.membership import among
from crm_sync.customers.landing import LandingContext, land_batch
from crm_sync.customers.vanished import is_sole_source, live_ids, to_deleted_records
from crm_sync.database.engine import CustomerDatabase
from crm_sync.mapping.transform import map_records
from crm_sync.pull.checkpoints import Checkpoint
from crm_sync.runs.counts import Counts
from crm_sync.salesforce.read.bulk_query import QueryJob
from crm_sync.sobject import SObject
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import Run

# Every look goes through all seen Ids anew, so few of them.
_AT_ONCE = 250_000
# What is younger may have come from a pull, after the Bulk job was made.
_SETTLED = timedelta(days=1)


class SeenRecords:
    """The Ids that a full sync reads of an object. What the mirror has beside them is vanished from Salesforce.

    That can be told by a sync that reads the object from its first record, and every record: one that goes on where
    another was cut has not seen all, behind a condition nobody knows what there is, and what another user's sync has
    brought may only be hidden from this one.
    """

    def __init__(self, run: Run, landing: LandingContext, reached: Checkpoint) -> None:
        """Start before the first record; keep nothing when the mirror holds nothing that could be vanished."""
        self._run = run
        self._landing = landing
        self._sobject = reached.sobject
        self._before = reached.read_from - _SETTLED
        self._ids: list[pd.Series] = []
        is_whole = reached.sync_run_id == run.number and reached.locator is None and not reached.rows_done
        self._can_tell = is_whole and not landing.rules.of(reached.sobject).condition and self._is_needed()

    def _is_needed(self) -> bool:
        with self._run.database.transaction() as connection:
            some = live_ids(connection, self._sobject, after="", before=self._before, limit=1)
            return len(some) > 0 and is_sole_source(connection, self._run.org_key)

    def add(self, batch: pd.DataFrame) -> None:
        """Note the records of a batch."""
        if self._can_tell:
            self._ids.append(batch["id"])

    def mark_gone(self, job: QueryJob) -> Counts:
        """Store the records that are vanished as deleted, unless some that the job has were not seen."""
        if not self._ids or sum(map(len, self._ids)) < job.records_processed:
            return Counts()
        seen = pd.concat(self._ids, ignore_index=True)
        return store_gone(self._run.database, self._sobject, seen, self._landing, self._before)


@task(task_run_name="look for {sobject} records that are vanished", **IN_MEMORY)
def store_gone(
    database: CustomerDatabase, sobject: SObject, seen: pd.Series, landing: LandingContext, before: datetime
) -> Counts:
    """Store every live record of the mirror that was not seen as deleted, as it was last read."""
    counts, after = Counts(), ""
    mapping = landing.rules.of(sobject)
    while True:
        with database.transaction() as connection:
            known = live_ids(connection, sobject, after=after, before=before, limit=_AT_ONCE)
        if known.empty:
            return counts
        after = str(known.iloc[-1])
        vanished = known[~among(known, seen)]
        if len(vanished):
            with database.transaction() as connection:
                records = to_deleted_records(connection, vanished, mapping.salesforce_fields)
                batch = map_records(records, sobject, mapping, landing.types[sobject])
                counts += land_batch(connection, batch, sobject, landing)
