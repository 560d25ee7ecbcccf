"""Storing in the customer database: one task and one transaction a batch."""

import pandas as pd
from prefect import task

from crm_sync.counts import Counts
from crm_sync.customers.database import CustomerDatabase
from crm_sync.customers.landing import Landing, land_batch
from crm_sync.customers.runs import Checkpoint, save_checkpoint
from tasks.retry_policy import IN_MEMORY


@task(task_run_name="store {reached.sobject} records from {reached.rows_done}", **IN_MEMORY)
def store_batch(
    database: CustomerDatabase, org_key: str, batch: pd.DataFrame, landing: Landing, reached: Checkpoint
) -> Counts:
    """Store one batch together with how far the run has come."""
    with database.transaction() as connection:
        counts = land_batch(connection, batch, reached.sobject, landing)
        save_checkpoint(connection, org_key, reached.after_rows(len(batch)))
    return counts
