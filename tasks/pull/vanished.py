"""Records that Salesforce no longer holds: deleted, and vanished from its recycle bin before a pull could see it."""

from dataclasses import replace

from prefect import task

from crm_sync.customers.landing import land_batch
from crm_sync.customers.landing_context import LandingContext
from crm_sync.customers.seen_records import SeenRecords
from crm_sync.customers.vanished import live_ids, to_deleted_records
from crm_sync.database.engine import CustomerDatabase
from crm_sync.mapping.transform import map_records
from crm_sync.runs.counts import Counts
from crm_sync.sobject import SObject
from tasks.run.retry_policy import IN_MEMORY

# Every look goes through all seen Ids anew, so few of them.
_AT_ONCE = 250_000


@task(task_run_name="look for {sobject} records that are gone", **IN_MEMORY)
def store_vanished(database: CustomerDatabase, sobject: SObject, seen: SeenRecords, landing: LandingContext) -> Counts:
    """Store every live record of the mirror that was not seen as deleted, as it was last read."""
    counts, after = Counts(), ""
    mapping, landing = landing.rules.of(sobject), replace(landing, none_is_left=seen.none_is_left)
    while True:
        with database.transaction() as connection:
            known = live_ids(connection, sobject, after=after, before=seen.settled_before, limit=_AT_ONCE)
        if known.empty:
            return counts
        after = str(known.iloc[-1])
        vanished = seen.vanished(known)
        if len(vanished):
            with database.transaction() as connection:
                records = to_deleted_records(connection, vanished, mapping.salesforce_fields)
                batch = map_records(records, sobject, mapping, landing.types[sobject])
                counts += land_batch(connection, batch, sobject, landing)
