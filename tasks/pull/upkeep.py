"""What a sync or a pull does once a day: old values and deleted people are forgotten when their time is over."""

from datetime import timedelta

from prefect import get_run_logger, task

from crm_sync.database.engine import CustomerDatabase
from crm_sync.erasure.removal_store import forget_deleted
from crm_sync.history.undo_store import drop_old_values
from crm_sync.mapping.safeguards import Safeguards
from crm_sync.runs.daily_store import is_first_today
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import Run, utc_now


def forget_what_is_over(run: Run, safeguards: Safeguards) -> None:
    """Forget what is kept for a number of days only."""
    _forget(run.database, safeguards)


@task(task_run_name="forget what is over", **IN_MEMORY)
def _forget(database: CustomerDatabase, safeguards: Safeguards) -> None:
    now = utc_now()
    with database.transaction() as connection:
        if not is_first_today(connection, "forgotten_on", now):
            return
        drop_old_values(connection, now - timedelta(days=safeguards.keep_old_values_days))
        people = forget_deleted(connection, now - timedelta(days=safeguards.forget_deleted_after_days), now)
    if people:
        get_run_logger().info("%s customers who are deleted in Salesforce were erased here.", f"{people:,}")
