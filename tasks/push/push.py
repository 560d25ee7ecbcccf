"""The steps of a campaign push: take members out of the queue, find what to send, send it, store the outputs."""

from collections.abc import Collection
from math import ceil

from prefect import get_run_logger

from crm_sync.errors import ConfigurationError, LimitReachedError
from crm_sync.push import queue as campaigns
from crm_sync.push.outputs import find_outputs
from crm_sync.push.queue import Queue, Worker
from crm_sync.push.result import Output, PushResult
from crm_sync.push.selection import build_conditions
from crm_sync.push.settings import CheckedSettings
from crm_sync.push_selection import FieldEquals
from tasks.push.batch import Batch
from tasks.push.outputs import OutputRecorder
from tasks.push.process import lives, process_token
from tasks.run.forecasts import announce_forecast
from tasks.run.run import Run, utc_now
from tasks.write.send import open_writer

# As many members at once as a Bulk job takes well; so many rows fit into memory many times over.
_MEMBERS_AT_ONCE = 100_000


def open_queue(run: Run, campaign: str, step: str) -> Queue:
    """Return the queue of a campaign's step."""
    if not campaign.strip():
        raise ConfigurationError("The campaign has no name; give the one under which its customers wait.")
    with run.database.transaction() as connection:
        return campaigns.open_queue(connection, campaign.strip(), step, utc_now())


def enter(run: Run, queue: Queue, customer_ids: Collection[int] | None, selection: list[FieldEquals] | None) -> None:
    """Let given or selected customers reach the step, besides those who wait there already."""
    with run.database.transaction() as connection:
        entered = 0
        if customer_ids:
            entered += campaigns.enter_campaign(connection, queue.campaign, customer_ids, utc_now(), step=queue.step)
        if selection:
            conditions = build_conditions(connection, selection)
            entered += campaigns.enter_selected(connection, queue, conditions, utc_now())
    if customer_ids or selection:
        get_run_logger().info("%s customers entered campaign %s.", f"{entered:,}", queue.campaign)


def enter_again(run: Run, queue: Queue, which: str, of_run: int | None) -> list[int]:
    """Let the customers whose last output was `which` reach the step again, and return them.

    With *limit* also those who still wait, because a limit or a kill left open what became of them.
    """
    with run.database.transaction() as connection:
        found = find_outputs(connection, queue, which, run=of_run)
        campaigns.enter_campaign(connection, queue.campaign, found, utc_now(), step=queue.step)
        if which.lower() == Output.LIMIT and of_run is None:
            found += campaigns.find_left_behind(connection, queue, _worker(run), utc_now())
    if not found:
        get_run_logger().info("No customer's last output of campaign %s is %s.", queue.campaign, which)
    return found


def push_queue(
    run: Run, queue: Queue, checked: CheckedSettings, *, only: Collection[int] | None = None, split: bool = True
) -> PushResult:
    """Send what the members of the queue have to tell Salesforce, and let each leave by one output.

    A limit ends the sending and not the run: whoever was not sent leaves by *limit*. When the requests left are too
    few for all: with `split` as many are sent as they suffice for, else nobody is.
    """
    tally = OutputRecorder(run, queue)
    worker = _worker(run)
    until = utc_now()
    try:
        while True:
            with run.database.transaction() as connection:
                members = campaigns.claim_members(
                    connection, queue, worker, utc_now(), most=_MEMBERS_AT_ONCE, entered_until=until, only=only
                )
            if members.empty:
                return tally.result()
            if tally.cut:
                tally.store(members, Output.LIMIT)
            else:
                _push(run, Batch(run, checked, tally, members), tally, split=split)
    finally:
        # The claim of those in doubt ends with the run, and tells retry_outputs of them.
        if not tally.leaves_doubt:
            with run.database.transaction() as connection:
                campaigns.release_claims(connection, run.number)


def _worker(run: Run) -> Worker:
    return Worker(run.number, process_token(), lives)


def _push(run: Run, batch: Batch, tally: OutputRecorder, *, split: bool) -> None:
    batch.settle_lost()
    try:
        batch.find_changes()
        _keep_to_what_fits(run, batch, tally, split=split)
        batch.yield_to_salesforce()
        _send(run, batch, tally)
    except LimitReachedError as cut:
        tally.cut = str(cut)
        batch.cut()


def _keep_to_what_fits(run: Run, batch: Batch, tally: OutputRecorder, *, split: bool) -> None:
    """Say what the run will take, and leave out whom it would take too many requests to send."""
    with run.database.transaction() as connection:
        batches = max(1, ceil(campaigns.count_waiting(connection, tally.queue) / _MEMBERS_AT_ONCE))
    needed = batch.requests()
    refusal = announce_forecast(run, needed * batches)
    if refusal and needed > refusal.room:
        tally.cut = str(refusal)
        most = batch.most_within(refusal.room) if split else 0
        if split and refusal.room and not most:
            batch.withdraw_only(refusal.room)
        else:
            batch.leave_after(most)


def _send(run: Run, batch: Batch, tally: OutputRecorder) -> None:
    def still_here() -> None:
        with run.database.transaction() as connection:
            campaigns.renew_claims(connection, run.number, utc_now())

    for delivery in open_writer(run, still_here=still_here).write(*batch.writes()):
        batch.take(delivery.results)
        if delivery.limit:
            tally.cut, tally.leaves_doubt = str(delivery.limit), len(delivery.unknown_outcome) > 0
            batch.cut(in_doubt=delivery.unknown_outcome)
