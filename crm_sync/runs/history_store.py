"""The record of runs, and of the records that they could not use."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from crm_sync.database.tables.customers import customer, rejected_record, sync_run
from crm_sync.runs.counts import Counts
from crm_sync.runs.states import INTERRUPTED, RUNNING
from crm_sync.sobject import SObject

# What stands for the flow where a program has recorded hard bounces of many customers at once.
HARD_BOUNCES = "record_moments"


def start_run(connection: Connection, flow: str, org: str, flow_run_id: str | None, now: datetime) -> int:
    """Record a run and return its id; a run of this flow and org that never ended is marked interrupted."""
    connection.execute(
        update(sync_run)
        .values(state=INTERRUPTED, ended_at=now)
        .where(sync_run.c.flow == flow, sync_run.c.org == org, sync_run.c.state == RUNNING)
    )
    row: dict[str, Any] = {
        "flow": flow,
        "flow_run_id": flow_run_id,
        "org": org,
        "state": RUNNING,
        "counts": {},
        "requests_used": 0,
        "started_at": now,
    }
    number: int = connection.execute(insert(sync_run).values(row).returning(sync_run.c.id)).scalar_one()
    return number


def end_run(
    connection: Connection,
    sync_run_id: int,
    *,
    state: str,
    counts: Mapping[SObject, Counts],
    requests_used: int,
    now: datetime,
) -> None:
    """Record how a run ended."""
    connection.execute(
        update(sync_run)
        .values(
            state=state,
            counts={str(sobject): asdict(count) for sobject, count in counts.items()},
            requests_used=requests_used,
            ended_at=now,
        )
        .where(sync_run.c.id == sync_run_id)
    )


def count_rejects(
    connection: Connection, objects: Collection[SObject], sync_run_id: int | None = None
) -> list[tuple[str, str, int]]:
    """Return (sObject, reason, records) of the objects' rejected records, most frequent first; of one run or of all."""
    records = func.count()
    query = select(rejected_record.c.sobject, rejected_record.c.reason, records)
    query = query.where(rejected_record.c.sobject.in_(objects))
    if sync_run_id is not None:
        query = query.where(rejected_record.c.sync_run_id == sync_run_id)
    query = query.group_by(rejected_record.c.sobject, rejected_record.c.reason).order_by(records.desc())
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def read_reject_examples(
    connection: Connection, objects: Collection[SObject], number: int, sync_run_id: int | None = None
) -> list[tuple[str, str]]:
    """Return (Id, reason) of some of the objects' rejected records; of one run or of all."""
    query = select(rejected_record.c.id, rejected_record.c.reason).order_by(rejected_record.c.id).limit(number)
    query = query.where(rejected_record.c.sobject.in_(objects))
    if sync_run_id is not None:
        query = query.where(rejected_record.c.sync_run_id == sync_run_id)
    return [(row[0], row[1]) for row in connection.execute(query)]


def count_customers(connection: Connection) -> int:
    """Return how many customers there are."""
    return connection.scalars(select(func.count()).select_from(customer)).one()
