"""Reads whether all is well: when each direction last succeeded, what is there and here, what waits, the last days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, func, select

from crm_sync.database.tables.budget import alert
from crm_sync.database.tables.campaigns import campaign_member, campaign_output
from crm_sync.database.tables.consent import consent_candidate, consent_delivery, consent_gap, is_waiting
from crm_sync.database.tables.customers import customer, rejected_record, salesforce_record, sync_run
from crm_sync.database.tables.deployteq import deployteq_connection, deployteq_customer, deployteq_pending
from crm_sync.database.tables.moments import moment_export
from crm_sync.database.tables.safety import held_record
from crm_sync.runs.activity_store import read_waiting
from crm_sync.runs.counts import Counts
from crm_sync.runs.states import INTERRUPTED, NOT_GREEN, RUNNING, RunState
from crm_sync.sobject import SObject

# The directions, and how old the last success of each may be; None: only a person starts it.
DIRECTIONS: Mapping[str, timedelta | None] = {
    "full_sync": timedelta(days=8),
    "incremental_pull": timedelta(hours=1),
    "campaign_push": None,
    "contact_moment_export": timedelta(hours=2),
    "deployteq_exchange": timedelta(hours=1),
    "deployteq_reconcile": timedelta(days=2),
}
# What sends again what a push left behind goes the same way.
_ALSO = {"campaign_push": ("retry_outputs",)}
# These have to run whatever else is used; the others may never have been asked for.
_ALWAYS = frozenset({"incremental_pull", "deployteq_exchange"})
# Only there once an account is connected.
_OF_DEPLOYTEQ = "deployteq"
_NO_SUCCESS = frozenset(
    {
        *NOT_GREEN,
        RunState.DEPLOYTEQ_UNAVAILABLE,
        RunState.DRY_RUN,
        RunState.FAILED,
        RunState.NOBODY_WAITS,
        RunState.NOT_CONFIGURED,
    }
)
_DAYS = 7
_AGAIN = "people to be mailed again"


@dataclass(frozen=True)
class Direction:
    """One direction: its last run with its state, and when it last succeeded."""

    flow: str
    last_state: str
    last_at: datetime | None
    succeeded_at: datetime | None


@dataclass
class Day:
    """What one day moved; `waiting`: members in campaigns at its end."""

    read: int = 0
    changed: int = 0
    pushed: int = 0
    moments: int = 0
    requests: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class Health:
    """`records` by object in Salesforce as they were last read, and `in_deployteq` where an account is connected;
    `waiting`, `refused` and `held` (back until a person approves) by what waits; `alerts` and `gaps` in words; `days`
    oldest first."""

    directions: tuple[Direction, ...]
    records: Mapping[SObject, int]
    customers: int
    joined: int
    waiting: Mapping[str, int]
    refused: Mapping[str, int]
    held: Mapping[str, int]
    in_deployteq: int | None = None
    alerts: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    days: Mapping[date, Day] = field(default_factory=dict)
    first_run_at: datetime | None = None

    def problems(self, now: datetime) -> list[str]:
        """Return what somebody should look at, the worst first."""
        found = [f"it is not known which {sobject} records said no" for sobject in self.gaps]
        found += [
            f"{number:,} {name} held back until somebody approves" for name, number in self.held.items() if number
        ]
        for one in self.directions:
            most, name = DIRECTIONS[one.flow], one.flow.replace("_", " ").replace(_OF_DEPLOYTEQ, "Deployteq")
            if one.last_state in _NO_SUCCESS:
                found.append(f"the last {name} ended as {one.last_state}")
            elif most and one.succeeded_at and now - one.succeeded_at > most:
                found.append(f"no {name} has succeeded since {one.succeeded_at:%Y-%m-%d %H:%M} UTC")
            elif most and not one.succeeded_at and one.flow in _ALWAYS and self._is_older_than(most, now):
                found.append(f"no {name} has succeeded yet")
        return [*found, *(reason.rstrip(".") for reason in self.alerts)]

    def _is_older_than(self, age: timedelta, now: datetime) -> bool:
        return self.first_run_at is not None and now - self.first_run_at > age

    def sentence(self, now: datetime) -> str:
        """Say first whether all is well."""
        if not any(one.last_at for one in self.directions):
            return "Nothing has run yet: run full-sync first."
        problems = self.problems(now)
        waiting = sum(self.waiting.values())
        rest = f"{waiting:,} {'waits' if waiting == 1 else 'wait'} for the next run" if waiting else "nothing waits"
        if not problems:
            return f"All is well: every direction works, {rest}."
        return f"Needs a look: {'; '.join(problems)}; {rest}."


def read_health(connection: Connection, now: datetime, *, with_account: bool = True) -> Health:
    """Return how things stand; cheap on a large database too, and without a request.

    `with_account`: False where no Deployteq account is connected any more, though one was.
    """
    gaps = select(consent_gap.c.sobject).distinct()
    is_refused = consent_delivery.c.error_code.is_not(None)
    is_connected = with_account and bool(_count(connection, deployteq_connection))
    there = deployteq_customer.c
    flows = [flow for flow in DIRECTIONS if is_connected or not flow.startswith(_OF_DEPLOYTEQ)]
    is_held = consent_candidate.c.held_at.is_not(None)
    return Health(
        directions=tuple(_direction(connection, flow) for flow in flows),
        records={
            sobject: _count(connection, salesforce_record, *_has_prefix(sobject.id_prefix)) for sobject in SObject
        },
        customers=_count(connection, customer),
        joined=_count(connection, customer, customer.c.merged_into_customer_id.is_not(None)),
        waiting=_waiting(connection) | {_AGAIN: _yeses(connection, ~is_held)},
        refused={
            "records from Salesforce": _count(connection, rejected_record),
            "contact moments": _count(connection, moment_export, moment_export.c.refusal.is_not(None)),
            "withdrawals of consent": _count(connection, consent_delivery, is_refused, is_waiting()),
            **(_refused_by_deployteq(connection) if is_connected else {}),
        },
        held={
            "customers with changes": connection.scalar(select(func.count(held_record.c.customer_id.distinct()))) or 0,
            _AGAIN: _yeses(connection, is_held),
        },
        in_deployteq=_count(connection, deployteq_customer, there.deleted_there_at.is_(None)) if is_connected else None,
        alerts=tuple(connection.scalars(select(alert.c.reason).distinct().order_by(alert.c.reason))),
        gaps=tuple(sorted(connection.scalars(gaps))),
        days=_days(connection, now),
        first_run_at=connection.scalar(select(func.min(sync_run.c.ended_at))),
    )


def _direction(connection: Connection, flow: str) -> Direction:
    is_of_it = sync_run.c.flow.in_([flow, *_ALSO.get(flow, ())])
    ended = select(sync_run.c.state, sync_run.c.ended_at).where(is_of_it, sync_run.c.state != RUNNING)
    last = connection.execute(ended.order_by(sync_run.c.id.desc()).limit(1)).one_or_none()
    good = sync_run.c.state.not_in([*_NO_SUCCESS, RunState.CUT_BY_LIMIT, RUNNING, INTERRUPTED])
    succeeded = select(func.max(sync_run.c.id)).where(is_of_it, good)
    at = connection.scalar(select(sync_run.c.ended_at).where(sync_run.c.id == succeeded.scalar_subquery()))
    return Direction(flow, last.state if last else "", last.ended_at if last else None, at)


def _waiting(connection: Connection) -> dict[str, int]:
    waits = read_waiting(connection)
    withdrawals = _count(connection, consent_delivery, is_waiting())
    return {"customers in campaigns": waits.campaign_customers, "withdrawals of consent": withdrawals, **waits.backlogs}


def _yeses(connection: Connection, condition: ColumnElement[bool]) -> int:
    """Return of how many addresses such a yes waits to be judged."""
    return connection.scalar(select(func.count(consent_candidate.c.address_hash.distinct())).where(condition)) or 0


def _refused_by_deployteq(connection: Connection) -> dict[str, int]:
    updates = _count(connection, deployteq_customer, deployteq_customer.c.error_code.is_not(None))
    inserts = _count(connection, deployteq_pending, deployteq_pending.c.error_code.is_not(None))
    return {"customers by Deployteq": updates + inserts}


def _has_prefix(prefix: str) -> tuple[ColumnElement[bool], ...]:
    """Return conditions on the primary key, whose index answers them."""
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return salesforce_record.c.id >= prefix, salesforce_record.c.id < after


def _count(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


def _days(connection: Connection, now: datetime) -> dict[date, Day]:
    first = (now - timedelta(days=_DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    days = {(first + timedelta(days=ago)).date(): Day() for ago in range(_DAYS)}
    runs = select(sync_run.c.id, sync_run.c.started_at, sync_run.c.counts, sync_run.c.requests_used)
    begun, last = dict[int, Day](), days[now.date()]
    for run in connection.execute(runs.where(sync_run.c.started_at >= first)):
        day = days.get(run.started_at.date(), last)
        begun[run.id] = day
        counts = [Counts(**counts) for counts in run.counts.values()]
        day.read += sum(count.read for count in counts)
        day.changed += sum(count.written for count in counts)
        day.requests += run.requests_used
    pushed = select(campaign_output.c.sync_run_id, func.count()).where(
        campaign_output.c.at >= first, campaign_output.c.output == "success"
    )
    for run_id, customers in connection.execute(pushed.group_by(campaign_output.c.sync_run_id)):
        if run_id in begun:
            begun[run_id].pushed += customers
    ends = [first + timedelta(days=number + 1) for number in range(len(days))]
    at, entered, done = moment_export.c.exported_at, campaign_member.c.entered_at, campaign_member.c.done_at
    moments = [(at >= end - timedelta(days=1)) & (at < end) for end in ends]
    waits = [(entered < end) & (done.is_(None) | (done >= end)) for end in ends]
    for day, sent, waiting in zip(days.values(), _counts(connection, moments), _counts(connection, waits), strict=True):
        day.moments, day.waiting = sent, waiting
    return days


def _counts(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> list[int]:
    """Return how many rows meet each condition, in one look at the table."""
    return list(connection.execute(select(*(func.count().filter(one) for one in conditions))).one())
