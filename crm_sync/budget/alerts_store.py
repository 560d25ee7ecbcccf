"""The alerts that are on, so that each is raised once and cleared once, whichever process finds it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from crm_sync.budget.breaker_store import closed_breakers
from crm_sync.database.dialects import insert_for, put_row, write_and_count
from crm_sync.database.tables.budget import alert, backlog
from crm_sync.database.tables.customers import rejected_record

BREAKER = "breaker"
REJECTS = "rejects"
BACKLOG = "backlog"
FLOW_FAILED = "flow-failed"

# How often in a row a backlog has to grow: once is a campaign, three times is a queue that is not worked off.
_GROWN = 3


@dataclass(frozen=True)
class AlertChange:
    """An alert that has just come on or gone off; its name is its kind, a dot, and what it is about."""

    name: str
    is_on: bool
    reason: str


def note_backlog(connection: Connection, org: str, name: str, waiting: int, now: datetime) -> None:
    """Store how much is waiting, such as contact moments after an export, and how often in a row it has grown."""
    known = connection.execute(select(backlog).where(backlog.c.org == org, backlog.c.name == name)).one_or_none()
    grew = 0 if known is None or waiting <= known.waiting else known.grew + 1
    put_row(connection, backlog, {"org": org, "name": name}, {"waiting": waiting, "grew": grew, "at": now})


def find_alerts(connection: Connection, org: str, *, rejects_above: int) -> dict[str, str]:
    """Return the reason of each alert that the database gives cause for, by the alert's name."""
    found = {
        f"{BREAKER}.{closed.scope.name.lower()}": f"Salesforce has refused {closed.scope} for a limit; none are sent "
        f"before {closed.until:%Y-%m-%d %H:%M} UTC."
        for closed in closed_breakers(connection, org)
    }
    rejects = connection.scalars(select(func.count()).select_from(rejected_record)).one()
    if rejects > rejects_above:
        found[f"{REJECTS}.all"] = f"{rejects:,} records could not be used; the page of the last full sync says why."
    growing = select(backlog).where(backlog.c.org == org, backlog.c.grew >= _GROWN)
    for row in connection.execute(growing):
        found[f"{BACKLOG}.{row.name}"] = f"{row.waiting:,} {row.name} are waiting, more at each of the last runs."
    return found


def change_alerts(
    connection: Connection, org: str, found: Mapping[str, str], *, kinds: Collection[str], now: datetime
) -> list[AlertChange]:
    """Keep the alerts that are on and return those that changed; only alerts of these kinds can go off."""
    known = {row.name: row.reason for row in connection.execute(select(alert).where(alert.c.org == org))}
    changes = []
    for name, reason in found.items():
        row = {"org": org, "name": name, "reason": reason, "since": now}
        # Of two processes that find it at once, one inserts it.
        if name not in known and write_and_count(
            connection, insert_for(connection, alert).values(row).on_conflict_do_nothing()
        ):
            changes.append(AlertChange(name, is_on=True, reason=reason))
    for name, reason in known.items():
        if name not in found and name.partition(".")[0] in kinds:
            gone = delete(alert).where(alert.c.org == org, alert.c.name == name)
            if write_and_count(connection, gone):
                changes.append(AlertChange(name, is_on=False, reason=reason))
    return changes
