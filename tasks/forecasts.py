"""What a run will take in requests, said and stored before it starts, and whether that fits."""

from collections.abc import Sequence

from crm_sync.budget_forecast import Begun, forecast_full_sync
from crm_sync.customers.budget import bulk_polls_of_a_job, save_forecast
from crm_sync.customers.ledger import Room
from crm_sync.customers.runs import read_checkpoint
from crm_sync.errors import FatalError, LimitReachedError
from crm_sync.mapping import SObject
from tasks.connection_checks import count_records
from tasks.runs import Run, utc_now
from tasks.waiting import run_logger

# Half an hour of requests: what takes more is not judged by the hour in which it begins.
_LONG_RUN = 1800


def forecast_sync(run: Run, objects: Sequence[SObject]) -> int | None:
    """Forecast a full sync of these objects by one request, and return how many it will take with those made already.

    None when Salesforce does not say how many records there are: the sync itself may still be possible. Raises
    LimitReachedError when there is no room for it, before anything is started.
    """
    try:
        records = count_records(run.org, [str(sobject) for sobject in objects])
    except FatalError as refusal:
        run_logger().warning("No forecast, since Salesforce does not count its records: %s", refusal)
        return None
    with run.database.transaction() as connection:
        begun = {
            sobject: Begun(finished=reached.finished)
            for sobject in objects
            if (reached := read_checkpoint(connection, run.org_key, sobject))
        }
        polls = bulk_polls_of_a_job(connection, run.org_key)
    by_object = {sobject: records[str(sobject)] for sobject in objects}
    forecast = forecast_full_sync(by_object, begun=begun, polls=polls, used=run.ledger.used)
    smaller = "sync fewer objects at a time (parameter `objects`)" if len(by_object) > 1 else ""
    announce_forecast(run, forecast.requests, smaller=smaller)
    return forecast.requests


def announce_forecast(run: Run, requests: int, *, smaller: str = "") -> None:
    """Store with the run how many requests it will take, those made already included, and say what is left.

    Raises LimitReachedError when what is still to come does not fit; `smaller` says how to make the run smaller.
    """
    with run.database.transaction() as connection:
        save_forecast(connection, run.number, requests)
    room, still = run.ledger.room(utc_now()), max(requests - run.ledger.used, 0)
    day = "not known" if room.day is None else f"{room.day:,}"
    run_logger().info(
        "About %s requests; left are %s in this hour and %s in this day.", f"{still:,}", f"{room.hour:,}", day
    )
    if not fits(still, room):
        raise LimitReachedError(
            f"This run would take about {still:,} Salesforce requests, with room for {room.hour:,} in this hour and "
            f"{day} in this day, so it was not started; {smaller or 'start it later'}, or allow more in the API budget "
            "block."
        )


def fits(requests: int, room: Room) -> bool:
    """Tell whether there is room; a run that takes hours waits for its turns, and only the day can cut it."""
    if room.day is not None and requests > room.day:
        return False
    return requests <= room.hour or requests > _LONG_RUN
