"""The steps of a campaign push: take members out of the queue, find what to send, send it, store the outputs."""

from collections.abc import Collection

from prefect import get_run_logger

from crm_sync.errors import ConfigurationError
from crm_sync.push import queue_store as campaigns
from crm_sync.push.outputs_store import find_outputs
from crm_sync.push.plan import State
from crm_sync.push.queue_store import ClaimOwner, Queue
from crm_sync.push.result import Output, PushResult
from crm_sync.push.selection import FieldEquals
from crm_sync.push.selection_store import build_conditions
from crm_sync.push.settings import CheckedSettings
from tasks.push.batch import MEMBERS_AT_ONCE, Push, push_members
from tasks.push.outputs import OutputRecorder
from tasks.push.process import is_alive, process_token
from tasks.run.run import Run, utc_now


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
            found += campaigns.find_left_behind(connection, queue, _claimant(run), utc_now())
    if not found:
        get_run_logger().info("No customer's last output of campaign %s is %s.", queue.campaign, which)
    return found


def push_queue(run: Run, queue: Queue, checked: CheckedSettings, *, only: Collection[int] | None = None) -> PushResult:
    """Send what the members of the queue have changed, and let each leave by one output.

    A limit ends the sending and not the run: the members that were not sent leave by *limit*.
    """
    recorder = OutputRecorder(run, queue)
    push = Push(run, checked, recorder, {})
    claimant = _claimant(run)
    until = utc_now()
    try:
        while True:
            with run.database.transaction() as connection:
                members = campaigns.claim_members(
                    connection, queue, claimant, utc_now(), most=MEMBERS_AT_ONCE, entered_until=until, only=only
                )
            if members.empty:
                return recorder.result()
            if recorder.limit:
                recorder.record(members.assign(state=State.LIMITED.value))
            else:
                push_members(push, members)
    finally:
        # The claim on members with an unknown outcome ends with the run, which tells retry_outputs of them.
        if not recorder.leaves_unknown:
            with run.database.transaction() as connection:
                campaigns.release_claims(connection, run.number)


def _claimant(run: Run) -> ClaimOwner:
    return ClaimOwner(run.number, process_token(), is_alive)
