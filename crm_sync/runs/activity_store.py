"""Reads the page of activity from the database: the last runs with their counts, and the work that waits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from crm_sync.database.tables.budget import backlog
from crm_sync.database.tables.campaigns import campaign_member, campaign_output
from crm_sync.database.tables.customers import rejected_record, sync_run
from crm_sync.runs.counts import Counts

_SHOWN = 24


@dataclass(frozen=True)
class PastRun:
    """A run: its end, the records it read, and how many of them changed a customer or were pushed with success."""

    flow: str
    state: str
    started_at: datetime
    requests: int
    read: int
    changed: int


@dataclass(frozen=True)
class Waiting:
    """The work that is still to be done, by a person or by the next run."""

    rejected_records: int
    campaign_customers: int
    backlogs: Mapping[str, int]


def read_runs(connection: Connection, flow: str) -> list[PastRun]:
    """Return the last runs of a flow, oldest first."""
    query = select(sync_run).where(sync_run.c.flow == flow).order_by(sync_run.c.id.desc()).limit(_SHOWN)
    rows = connection.execute(query).all()
    pushed = _outputs(connection, [row.id for row in rows])
    return [_past_run(row, pushed.get(row.id, {})) for row in reversed(rows)]


def read_waiting(connection: Connection) -> Waiting:
    """Return the work that waits now."""
    rejected = connection.scalars(select(func.count()).select_from(rejected_record)).one()
    members = select(func.count()).select_from(campaign_member).where(campaign_member.c.done_at.is_(None))
    backlogs = select(backlog.c.name, func.sum(backlog.c.waiting)).group_by(backlog.c.name)
    return Waiting(
        rejected_records=rejected,
        campaign_customers=connection.scalars(members).one(),
        backlogs={name: int(waiting) for name, waiting in connection.execute(backlogs)},
    )


def _outputs(connection: Connection, runs: list[int]) -> dict[int, dict[str, int]]:
    """Return how many customers left a campaign step in each of these runs, by output."""
    columns = (campaign_output.c.sync_run_id, campaign_output.c.output)
    query = select(*columns, func.count()).where(campaign_output.c.sync_run_id.in_(runs)).group_by(*columns)
    found: dict[int, dict[str, int]] = {}
    for run, output, customers in connection.execute(query):
        found.setdefault(run, {})[output] = customers
    return found


def _past_run(row: Row[Any], pushed: Mapping[str, int]) -> PastRun:
    counts = [Counts(**counts) for counts in row.counts.values()]
    return PastRun(
        flow=row.flow,
        state=row.state,
        started_at=row.started_at,
        requests=row.requests_used,
        read=sum(count.read for count in counts) + sum(pushed.values()),
        changed=sum(count.written for count in counts) + pushed.get("success", 0),
    )
