"""The queue of a campaign's Salesforce Synchronize step: customers enter it, and runs claim its members.

Several runs may take from one queue. A run claims members before it sends anything; a claim ends with its run, with
the process that made it, or when it has not been renewed for CLAIM_LASTS.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import BigInteger, ColumnElement, Connection, and_, func, literal, or_, select, update

from crm_sync.database.dialects import insert_for, insert_from, write_and_count
from crm_sync.database.frames import frame_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.campaigns import campaign, campaign_member
from crm_sync.database.tables.customers import Instant, customer, sync_run
from crm_sync.push.typed_names import same_name
from crm_sync.runs.states import INTERRUPTED, RUNNING

# The step's name where nobody gave it another: that of its saved settings.
STEP = "salesforce-synchronize"
CLAIM_LASTS = timedelta(minutes=30)
# States in which a run may still be at work. A second run of the same flow calls the first one interrupted.
_PERHAPS_AT_WORK = (RUNNING, INTERRUPTED)


@dataclass(frozen=True)
class Queue:
    """One step of one campaign."""

    campaign_id: int
    campaign: str
    step: str


@dataclass(frozen=True)
class ClaimOwner:
    """A run, the token of its process, and a function that returns whether the process of another token is alive."""

    run: int
    process: str
    is_alive: Callable[[str], bool]


def open_queue(connection: Connection, name: str, step: str, now: datetime) -> Queue:
    """Return the queue of a step, its campaign made when no other one has the name, blanks around it and case aside."""
    if found := find_queue(connection, name, step):
        return found
    name = name.strip()
    statement = insert_for(connection, campaign).values(name=name, created_at=now)
    connection.execute(statement.on_conflict_do_nothing(index_elements=["name"]))
    number = connection.scalars(select(campaign.c.id).where(campaign.c.name == name)).one()
    return Queue(number, name, step)


def find_queue(connection: Connection, name: str, step: str) -> Queue | None:
    """Return the queue of a step, if there is a campaign of this name."""
    numbers = {row.name: row.id for row in connection.execute(select(campaign.c.name, campaign.c.id))}
    known = same_name(name, numbers)
    return Queue(numbers[known], known, step) if known else None


def campaigns_with_members(connection: Connection) -> list[str]:
    """Return the names of the campaigns in which customers wait or waited, the newest first."""
    members = select(campaign_member.c.id).where(campaign_member.c.campaign_id == campaign.c.id)
    query = select(campaign.c.name).where(members.exists()).order_by(campaign.c.id.desc())
    return list(connection.scalars(query))


def steps_with_members(connection: Connection, queue: Queue) -> list[str]:
    """Return the steps of a campaign in which customers wait or waited."""
    query = select(campaign_member.c.step).where(campaign_member.c.campaign_id == queue.campaign_id).distinct()
    return sorted(connection.scalars(query))


def enter_campaign(
    connection: Connection, campaign: str, customer_ids: Iterable[int], now: datetime, *, step: str = STEP
) -> int:
    """Let customers reach the step of a campaign and return how many have now entered.

    A customer that waits there already does not enter again; ids that no customer has are passed over.
    """
    queue = open_queue(connection, campaign, step, now)
    staged = stage_ids(connection, customer_ids)
    return _enter(connection, queue, select(customer.c.id).join(staged, staged.c.customer_id == customer.c.id), now)


def enter_named(campaign: str, step: str, clock: Callable[[], datetime]) -> Callable[[Connection, Iterable[int]], int]:
    """Return a function that lets customers reach this step."""
    return lambda connection, customer_ids: enter_campaign(connection, campaign, customer_ids, clock(), step=step)


def _enter(connection: Connection, queue: Queue, customers: Any, now: datetime) -> int:
    chosen = customers.subquery()
    row = {
        "campaign_id": literal(queue.campaign_id, BigInteger),
        "step": literal(queue.step),
        "customer_id": chosen.c.id,
        "entered_at": literal(now, Instant()),
    }
    waits = select(campaign_member.c.id).where(_waits(queue), campaign_member.c.customer_id == chosen.c.id).exists()
    return write_and_count(connection, insert_from(connection, campaign_member, row, ~waits).on_conflict_do_nothing())


def claim_members(
    connection: Connection,
    queue: Queue,
    owner: ClaimOwner,
    now: datetime,
    *,
    most: int,
    entered_until: datetime,
    only: Collection[int] | None = None,
) -> pd.DataFrame:
    """Claim up to `most` members that wait and return them: `member_id`, `customer_id` (numbers).

    `entered_until`: none that entered later. `only`: of these customers. Members that another run holds are passed
    over, not waited for.
    """
    chosen = select(campaign_member.c.id).where(
        _waits(queue), campaign_member.c.entered_at <= entered_until, _is_free(connection, queue, owner, now)
    )
    if only is not None:
        staged = stage_ids(connection, only)
        chosen = chosen.where(campaign_member.c.customer_id.in_(select(staged.c.customer_id)))
    chosen = chosen.order_by(campaign_member.c.id).limit(most).with_for_update(skip_locked=True)
    statement = (
        update(campaign_member)
        .values(claimed_by=owner.run, claimed_in=owner.process, claimed_at=now)
        .where(campaign_member.c.id.in_(chosen))
        .returning(campaign_member.c.id, campaign_member.c.customer_id)
    )
    return (
        frame_of(connection.execute(statement), ["member_id", "customer_id"]).astype("int64").sort_values("member_id")
    )


def find_left_behind(connection: Connection, queue: Queue, owner: ClaimOwner, now: datetime) -> list[int]:
    """Return the customers in the queue that a run had claimed when it ended, their outcome unknown."""
    left = select(campaign_member.c.customer_id).where(
        _waits(queue), campaign_member.c.claimed_by.is_not(None), _is_free(connection, queue, owner, now)
    )
    return list(connection.scalars(left))


def renew_claims(connection: Connection, run: int, now: datetime) -> None:
    """Store that a run is still at work on the members it has claimed."""
    mine = and_(campaign_member.c.claimed_by == run, campaign_member.c.done_at.is_(None))
    connection.execute(update(campaign_member).values(claimed_at=now).where(mine))


def release_claims(connection: Connection, run: int) -> None:
    """Release the members that a run has claimed and that have no output."""
    mine = and_(campaign_member.c.claimed_by == run, campaign_member.c.done_at.is_(None))
    connection.execute(update(campaign_member).values(claimed_by=None, claimed_in=None, claimed_at=None).where(mine))


def find_waiting(connection: Connection, queue: Queue) -> list[int]:
    """Return the customers that wait in the queue, claimed or not."""
    return list(connection.scalars(select(campaign_member.c.customer_id).where(_waits(queue))))


def count_waiting(connection: Connection, queue: Queue) -> int:
    """Return how many members wait in the queue, claimed or not."""
    return connection.scalars(select(func.count()).select_from(campaign_member).where(_waits(queue))).one()


def stage_ids(connection: Connection, customer_ids: Iterable[int]) -> Any:
    """Make a temporary table of customer ids, each once."""
    ids = pd.DataFrame({"customer_id": pd.Series(list(customer_ids), dtype="int64").drop_duplicates()})
    return stage(connection, "staged_customer_id", ids, {"customer_id": customer.c.id.type})


def _waits(queue: Queue) -> ColumnElement[bool]:
    return and_(
        campaign_member.c.campaign_id == queue.campaign_id,
        campaign_member.c.step == queue.step,
        campaign_member.c.done_at.is_(None),
    )


def _is_free(connection: Connection, queue: Queue, owner: ClaimOwner, now: datetime) -> ColumnElement[bool]:
    """Return the condition that no run holds a member any more."""
    at_work = select(sync_run.c.id).where(sync_run.c.state.in_(_PERHAPS_AT_WORK))
    holders = connection.execute(
        select(campaign_member.c.claimed_by, campaign_member.c.claimed_in)
        .where(_waits(queue), campaign_member.c.claimed_by.in_(at_work), campaign_member.c.claimed_by != owner.run)
        .distinct()
    ).all()
    dead = [run for run, process in holders if not owner.is_alive(process)]
    return or_(
        campaign_member.c.claimed_by.is_(None),
        campaign_member.c.claimed_by.not_in(at_work),
        campaign_member.c.claimed_by.in_(dead),
        and_(campaign_member.c.claimed_by != owner.run, campaign_member.c.claimed_at < now - CLAIM_LASTS),
    )
