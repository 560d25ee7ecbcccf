"""What a run will take in requests, said and stored before it starts, and whether that fits."""

from collections.abc import Sequence

from prefect import task

from crm_sync.budget.figures_store import polls_per_job, save_forecast
from crm_sync.budget.forecast import Begun, forecast_full_sync
from crm_sync.budget.ledger import Headroom
from crm_sync.errors import FatalError, LimitReachedError
from crm_sync.pull.checkpoints_store import read_checkpoint
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.schema.describe import record_counts
from crm_sync.sobject import SObject
from tasks.log import run_logger
from tasks.run.retry_policy import TALKS_TO_SALESFORCE
from tasks.run.run import Run, utc_now

# Half an hour of requests: what takes more, or more than any hour has, is not judged by the hour in which it begins.
_LONG_RUN = 1800
_SPLIT = ", let it do what fits (parameter `split_to_fit`)"


class DoesNotFitError(LimitReachedError):
    """A run would take more requests than are left for it; `room`: how many are left."""

    room: int = 0


def forecast_sync(run: Run, objects: Sequence[SObject]) -> None:
    """Forecast a full sync of these objects by one request; without, where Salesforce does not count its records."""
    try:
        records = count_records(run.org, [str(sobject) for sobject in objects])
    except FatalError as refusal:
        run_logger().warning("No forecast, since Salesforce does not count its records: %s", refusal)
        return
    with run.database.transaction() as connection:
        begun = {
            sobject: Begun(finished=reached.finished)
            for sobject in objects
            if (reached := read_checkpoint(connection, run.org_key, sobject))
        }
        polls = polls_per_job(connection, run.ledger.org)
    by_object = {sobject: records[str(sobject)] for sobject in objects}
    forecast = forecast_full_sync(by_object, begun=begun, polls=polls)
    announce_forecast(run, forecast.requests)


def announce_forecast(run: Run, still: int, *, advice: str = _SPLIT) -> DoesNotFitError | None:
    """Store with the run how many requests it will take, those made already included, and say what is left.

    Returns what to say when what is still to come does not fit; `advice`: what else to do than wait.
    """
    with run.database.transaction() as connection:
        save_forecast(connection, run.number, run.ledger.used + still)
    room = run.ledger.headroom(utc_now())
    day = "not known" if room.day is None else f"{room.day:,}"
    run_logger().info("About %s; left are %s in this hour and %s in this day.", _requests(still), f"{room.hour:,}", day)
    if fits(still, room):
        return None
    refusal = DoesNotFitError(
        f"This run would take about {_requests(still)}, with room for {room.hour:,} in this hour and "
        f"{day} in this day, so it was not started as a whole; start it later{advice}, or allow more in the API "
        "budget block."
    )
    refusal.room = room.hour if room.day is None else min(room.hour, room.day)
    return refusal


def _requests(number: int) -> str:
    return f"{number:,} Salesforce request{'' if number == 1 else 's'}"


def fits(requests: int, room: Headroom) -> bool:
    """Tell whether there is room; a run that takes hours waits for its turns, and only the day can cut it."""
    if room.day is not None and requests > room.day:
        return False
    return requests <= room.hour or requests > min(_LONG_RUN, room.whole_hour)


def polls_of_a_job(run: Run) -> int:
    """Return how often the flow's Bulk jobs were looked at in the last days until they had ended."""
    with run.database.transaction() as connection:
        return max(1, round(polls_per_job(connection, run.ledger.org, run.ledger.flow) or 1))


@task(task_run_name="count records", **TALKS_TO_SALESFORCE)
def count_records(org: SalesforceOrg, sobjects: list[str]) -> dict[str, int]:
    """Return about how many records each object has."""
    return record_counts(org, sobjects)
