"""Storing in the customer database: one task and one transaction a batch."""

import pandas as pd
from prefect import task

from crm_sync.customers.dry_run import preview_batches
from crm_sync.customers.landing import LandingContext, land_batch
from crm_sync.database.engine import CustomerDatabase
from crm_sync.pull.checkpoints import Checkpoint, save_checkpoint
from crm_sync.pull.record_changes import RecordChange, changes_to_come
from crm_sync.pull.watermarks import Watermark, forget_unmapped, move_watermark
from crm_sync.runs.counts import Counts
from crm_sync.sobject import SObject
from tasks.run.retry_policy import IN_MEMORY


@task(task_run_name="store {reached.sobject} records from {reached.rows_done}", **IN_MEMORY)
def store_batch(
    database: CustomerDatabase, org_key: str, batch: pd.DataFrame, landing: LandingContext, reached: Checkpoint
) -> Counts:
    """Store one batch together with how far the run has come."""
    with database.transaction() as connection:
        counts = land_batch(connection, batch, reached.sobject, landing)
        save_checkpoint(connection, org_key, reached.after_rows(len(batch)))
    return counts


@task(task_run_name="store changed {mark.sobject} records", **IN_MEMORY)
def store_changes(
    database: CustomerDatabase,
    org_key: str,
    batch: pd.DataFrame | None,
    landing: LandingContext,
    mark: Watermark,
    *,
    last: bool,
    shown: int = 0,
) -> tuple[Counts, list[RecordChange]]:
    """Store one batch of changes; with the last one, also that the object is stored up to the watermark.

    Returns the counts, and at most `shown` of the records that differ from what was known.
    """
    counts, changes = Counts(), []
    with database.transaction() as connection:
        if batch is not None:
            changes = changes_to_come(connection, batch, mark.sobject, shown)
            counts = land_batch(connection, batch, mark.sobject, landing)
        if last:
            move_watermark(connection, org_key, mark)
            forget_unmapped(connection, org_key, landing.rules.mapped)
    return counts, changes


@task(task_run_name="find out what would change", **IN_MEMORY)
def preview_changes(
    database: CustomerDatabase,
    batches: list[tuple[SObject, pd.DataFrame]],
    landing: LandingContext,
    *,
    show_values: bool,
) -> tuple[dict[SObject, Counts], pd.DataFrame]:
    """Return what storing the batches would come to, and keep nothing of it."""
    return preview_batches(database, batches, landing, show_values=show_values)
