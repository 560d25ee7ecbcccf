"""Checkpoints: the Bulk job and locator that a half-done full sync goes on from."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, delete, select

from crm_sync.database.dialects import put_row
from crm_sync.database.tables.customers import checkpoint
from crm_sync.sobject import SObject


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


def read_checkpoint(connection: Connection, org: str, sobject: SObject) -> Checkpoint | None:
    """Return how far an unfinished full sync of `sobject` came, if there is one."""
    columns = [column for column in checkpoint.c if column.name != "org"]
    row = connection.execute(
        select(*columns).where(checkpoint.c.org == org, checkpoint.c.sobject == sobject)
    ).one_or_none()
    return None if row is None else Checkpoint(**{**row._mapping, "sobject": sobject})


def save_checkpoint(connection: Connection, org: str, reached: Checkpoint) -> None:
    """Store how far the full sync of one sObject came; belongs in the transaction that stores the batch."""
    put_row(connection, checkpoint, {"org": org, "sobject": reached.sobject}, asdict(reached))


def delete_checkpoints(connection: Connection, org: str, sobjects: list[SObject]) -> None:
    """Drop the checkpoints of a full sync that is complete, or to be started anew."""
    connection.execute(delete(checkpoint).where(checkpoint.c.org == org, checkpoint.c.sobject.in_(sobjects)))
