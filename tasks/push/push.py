"""The steps of a campaign push: take members out of the queue, find what to send, send it, store the outputs."""

from collections.abc import Collection
from dataclasses import replace

import pandas as pd
from prefect import get_run_logger, runtime

from crm_sync.holds.held_store import count_known
from crm_sync.holds.rule import HoldLimits
from crm_sync.mapping.model import CustomerFieldKind, MappingRules
from crm_sync.mapping.safeguards import Safeguards
from crm_sync.push import queue_store as campaigns
from crm_sync.push.audience_store import Audience, find_audience, find_audience_again, find_everybody
from crm_sync.push.plan import State
from crm_sync.push.queue_store import ClaimOwner, Queue
from crm_sync.push.result import PushResult
from crm_sync.push.selection import FieldEquals, check_filled_in
from crm_sync.push.settings import CheckedSettings
from tasks.push.batch import MEMBERS_AT_ONCE, push_members, write
from tasks.push.compare import Push
from tasks.push.outputs import OutputRecorder
from tasks.push.preview import PreviewRecorder
from tasks.push.process import is_alive, process_token
from tasks.run.run import Run, utc_now


def find_customers(
    run: Run,
    campaign: str,
    step: str,
    rules: MappingRules,
    *,
    customer_ids: Collection[int],
    selection: Collection[FieldEquals],
) -> Audience:
    """Return the customers that a push is for; whoever starts it with a form gives no personal values."""
    if runtime.deployment.id:
        check_filled_in(selection)
    options = [
        link.name
        for sobject in rules.mapped
        for link in rules.of(sobject).links
        if link.kind is CustomerFieldKind.OPTION
    ]
    with run.database.transaction() as connection:
        return find_audience(
            connection, campaign, step, customer_ids=customer_ids, selection=selection, linked_options=options
        )


def find_customers_again(run: Run, campaign: str, step: str, which: str, of_run: int | None) -> Audience:
    """Return the customers that left a step by an output and are to be sent again."""
    with run.database.transaction() as connection:
        return find_audience_again(connection, campaign, step, which, of_run, _claimant(run), utc_now())


def hold_entering(run: Run, audience: Audience, safeguards: Safeguards, *, is_approved: bool) -> tuple[Audience, int]:
    """Let nobody enter when it would be too many customers at once and no person has approved it; returns how many
    were held back."""
    limits = HoldLimits(safeguards.hold_entering_above_percent, safeguards.hold_above_customers)
    with run.database.transaction() as connection:
        most = limits.most(count_known(connection))
    number = len(audience.entering)
    return (audience, 0) if is_approved or number <= most else (replace(audience, entering=()), number)


def enter(run: Run, audience: Audience) -> Queue:
    """Let customers reach the step, besides those who wait there already."""
    with run.database.transaction() as connection:
        queue = campaigns.open_queue(connection, audience.campaign, audience.step, utc_now())
        if not audience.entering:
            return queue
        entered = campaigns.enter_campaign(connection, queue.campaign, audience.entering, utc_now(), step=queue.step)
    get_run_logger().info("%s customers entered campaign %s.", f"{entered:,}", queue.campaign)
    return queue


def preview_push(run: Run, audience: Audience, checked: CheckedSettings, *, is_again: bool = False) -> PushResult:
    """Find what a push would enter and write; Salesforce is asked what the push would ask it before writing."""
    with run.database.transaction() as connection:
        everybody = find_everybody(connection, audience, is_again=is_again)
    recorder = PreviewRecorder(run, audience, len(everybody))
    push = Push(run, checked, recorder, {}, lambda _, plans: recorder.record_writes(plans.values()), is_dry_run=True)
    for start in range(0, len(everybody), MEMBERS_AT_ONCE):
        some = pd.Series(everybody[start : start + MEMBERS_AT_ONCE], dtype="int64")
        if not recorder.limit:
            push_members(push, pd.DataFrame({"member_id": some, "customer_id": some}))
    return recorder.result()


def push_queue(
    run: Run, queue: Queue, checked: CheckedSettings, *, only: Collection[int] | None = None, unknown_ids: int = 0
) -> PushResult:
    """Send what the members of the queue have changed, and let each leave by one output.

    A limit ends the sending and not the run: the members that were not sent leave by *limit*. `only`: of these
    customers; `unknown_ids`: for the result.
    """
    recorder = OutputRecorder(run, queue)
    push = Push(run, checked, recorder, {}, write)
    claimant = _claimant(run)
    until = utc_now()
    try:
        while True:
            with run.database.transaction() as connection:
                members = campaigns.claim_members(
                    connection, queue, claimant, utc_now(), most=MEMBERS_AT_ONCE, entered_until=until, only=only
                )
            if members.empty:
                return replace(recorder.result(), unknown_ids=unknown_ids)
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
