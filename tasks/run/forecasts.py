"""What a run will take in requests: logged, and stored with the run, before it starts."""

from collections.abc import Collection, Sequence

from prefect import task

from crm_sync.budget.figures_store import polls_per_job, save_forecast
from crm_sync.budget.forecast import forecast_full_sync
from crm_sync.errors import FatalError
from crm_sync.pull.checkpoints_store import read_checkpoint
from crm_sync.runs.counts import counted
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.schema.describe import record_counts
from crm_sync.sobject import SObject
from tasks.log import run_logger
from tasks.run.retry_policy import TALKS_TO_SALESFORCE
from tasks.run.run import Run, utc_now


def forecast_sync(run: Run, objects: Sequence[SObject], *, twice: Collection[SObject] = ()) -> None:
    """Forecast a full sync of these objects by one request; without, where Salesforce does not count its records.

    `twice`: those that are read a second time, for consent.
    """
    try:
        records = count_records(run.org, [str(sobject) for sobject in objects])
    except FatalError as refusal:
        run_logger().warning("No forecast, since Salesforce does not count its records: %s", refusal)
        return
    with run.database.transaction() as connection:
        begun = {
            sobject: reached.finished
            for sobject in objects
            if (reached := read_checkpoint(connection, run.org_key, sobject))
        }
        polls = polls_per_job(connection, run.ledger.org)
    by_object = {sobject: records[str(sobject)] for sobject in objects}
    announce_forecast(run, forecast_full_sync(by_object, begun=begun, polls=polls, twice=twice))


def announce_forecast(run: Run, still: int) -> None:
    """Store with the run how many requests it will take, those made already included, and log what is left."""
    with run.database.transaction() as connection:
        save_forecast(connection, run.number, run.ledger.used + still)
    room = run.ledger.headroom(utc_now())
    day = "not known" if room.day is None else f"{room.day:,}"
    requests = counted(still, "Salesforce request")
    run_logger().info("About %s; left are %s in this hour and %s in this day.", requests, f"{room.hour:,}", day)


def polls_of_a_job(run: Run) -> int:
    """Return how often the flow's Bulk jobs were looked at in the last days until they had ended."""
    with run.database.transaction() as connection:
        return max(1, round(polls_per_job(connection, run.ledger.org, run.ledger.flow) or 1))


@task(task_run_name="count records", **TALKS_TO_SALESFORCE)
def count_records(org: SalesforceOrg, sobjects: list[str]) -> dict[str, int]:
    """Return about how many records each object has."""
    return record_counts(org, sobjects)
