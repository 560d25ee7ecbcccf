"""Taking a run back, as a run of its own that can be taken back too."""

from collections.abc import Collection

from prefect import runtime, task

from crm_sync.database.engine import CustomerDatabase
from crm_sync.history.undo_store import KeptRun, UndoPlan, kept_runs, plan_undo, undo
from crm_sync.runs.history_store import end_run, start_run
from crm_sync.runs.states import RunState
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import utc_now


def list_runs(database: CustomerDatabase) -> list[KeptRun]:
    """Return the runs that can be taken back."""
    with database.transaction() as connection:
        return kept_runs(connection)


@task(task_run_name="take back run {run}", **IN_MEMORY)
def take_back(
    database: CustomerDatabase, run: int, customer_ids: Collection[int], fields: Collection[str], *, dry_run: bool
) -> UndoPlan:
    """Find what would change and, unless it is a dry run, change it."""
    now = utc_now()
    with database.transaction() as connection:
        plan = plan_undo(connection, run, customer_ids, fields)
        if not dry_run:
            flow_run_id = str(runtime.flow_run.id) if runtime.flow_run.id else None
            number = start_run(connection, "undo_run", "", flow_run_id, now)
            undo(connection, plan, run=number, now=now)
            end_run(connection, number, state=RunState.COMPLETED, counts={}, requests_used=0, now=utc_now())
    return plan
