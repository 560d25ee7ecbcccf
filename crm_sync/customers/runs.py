"""The runs and how far they came: checkpoints of a half-done full sync, and watermarks of a finished one."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from crm_sync.counts import Counts
from crm_sync.customers.dialects import insert_for
from crm_sync.customers.tables import checkpoint, customer, rejected_record, sync_run
from crm_sync.mapping import SObject


@dataclass(frozen=True)
class Checkpoint:
    """How far the full sync of one sObject came: the Bulk job, the page, and the rows of it that are stored."""

    sobject: SObject
    sync_run_id: int
    mapping_fingerprint: str
    job_id: str
    read_from: datetime
    locator: str | None = None
    rows_done: int = 0
    finished: bool = False

    def after_rows(self, rows: int) -> "Checkpoint":
        """Return the checkpoint when `rows` more of this page are stored."""
        return replace(self, rows_done=self.rows_done + rows)

    def after_page(self, next_locator: str | None) -> "Checkpoint":
        """Return the checkpoint when this page is stored: the start of the next one, or finished."""
        return replace(self, locator=next_locator, rows_done=0, finished=next_locator is None)


def start_run(connection: Connection, flow: str, org: str, flow_run_id: str | None, now: datetime) -> int:
    """Record a run and return its id; a run of this flow and org that never ended is marked interrupted."""
    connection.execute(
        update(sync_run)
        .values(state="interrupted", ended_at=now)
        .where(sync_run.c.flow == flow, sync_run.c.org == org, sync_run.c.state == "running")
    )
    row: dict[str, Any] = {
        "flow": flow,
        "flow_run_id": flow_run_id,
        "org": org,
        "state": "running",
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
    counts: dict[SObject, Counts],
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


def read_checkpoint(connection: Connection, org: str, sobject: SObject) -> Checkpoint | None:
    """Return how far an unfinished full sync of `sobject` came, if there is one."""
    columns = [column for column in checkpoint.c if column.name != "org"]
    row = connection.execute(
        select(*columns).where(checkpoint.c.org == org, checkpoint.c.sobject == sobject)
    ).one_or_none()
    return None if row is None else Checkpoint(**{**row._mapping, "sobject": sobject})


def save_checkpoint(connection: Connection, org: str, reached: Checkpoint) -> None:
    """Store how far the full sync of one sObject came; belongs in the transaction that stores the batch."""
    row = asdict(reached)
    statement = insert_for(connection, checkpoint).values(org=org, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=["org", "sobject"], set_=row))


def forget_checkpoints(connection: Connection, org: str, sobjects: list[SObject]) -> None:
    """Drop the checkpoints of a full sync that is complete, or to be started anew."""
    connection.execute(delete(checkpoint).where(checkpoint.c.org == org, checkpoint.c.sobject.in_(sobjects)))


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


def sample_customers(connection: Connection, number: int) -> list[dict[str, Any]]:
    """Return some customers to look at, spread over the whole table."""
    columns = ["id", "email_address", "firstname", "lastname", "job_title", "city", "status", "opt_in"]
    highest = connection.scalars(select(func.max(customer.c.id))).one() or 0
    step = max(highest // max(number, 1), 1)
    query = select(*(customer.c[name] for name in columns)).where(customer.c.id % step == 1 % step)
    return [dict(row._mapping) for row in connection.execute(query.order_by(customer.c.id).limit(number))]
