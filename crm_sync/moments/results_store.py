"""The results of moments that were written to Salesforce: stored, and counted by cause."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.types import TypeEngine

from crm_sync.database.dialects import insert_from
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import Instant
from crm_sync.database.tables.moments import CUSTOMER_ID, contact_moment, moment_export
from crm_sync.outcomes import RefusalClass
from crm_sync.sobject import SObject

_COLUMNS = (
    *("moment_id", "customer_id", "sobject", "parent_id", "parent_stamp", "version", "payload_fingerprint"),
    *("content", "salesforce_id", "refusal", "error_code", "error_message"),
)


@dataclass(frozen=True)
class ResultCounts:
    """The moments of one object that a run exported, each counted once, by its last result."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0


@dataclass(frozen=True)
class RefusedMoment:
    """A moment that Salesforce refused for a lead or contact, and the number of exports that tried it since it last
    was accepted."""

    sobject: str
    error_code: str
    moment_id: str
    parent_id: str
    attempts: int


def store_results(connection: Connection, results: pd.DataFrame, now: datetime, *, were_sent: bool = True) -> None:
    """Store the results of moments that were sent, or with `were_sent` False found to be in Salesforce as they are.

    `results`: `moment_id`, `sobject`, `parent_id`, `parent_stamp`, `payload_fingerprint`, `content` (missing when
    refused), `salesforce_id` (missing when not known), `refusal`, `error_code`, `error_message` (missing when
    accepted), all text; `version`, `customer_id`, whole numbers; `was_written` (boolean), whether Salesforce has the
    moment now, which it may also have where it refused a field: as accepted, if left out. A moment and object at most
    once.
    """
    results = results.assign(was_written=results.get("was_written", results["refusal"].isna()).astype("bool"))
    types: dict[str, TypeEngine[Any]] = {"version": BigInteger(), "customer_id": CUSTOMER_ID}
    staged = stage(connection, "staged_result", results[[*_COLUMNS, "was_written"]], types)
    moment = literal(now, Instant())
    is_accepted = staged.c.refusal.is_(None)
    written = case((staged.c.was_written, moment), else_=null()) if were_sent else null()
    row: dict[str, ColumnElement[Any]] = {
        **{name: staged.c[name] for name in _COLUMNS},
        "first_exported_at": written,
        "exported_at": written,
        "tried_at": moment,
        "attempts": case((is_accepted, 0), else_=1),
    }
    # One whose person was erased meanwhile leaves nothing.
    is_there_still = exists(select(contact_moment.c.moment_id).where(contact_moment.c.moment_id == staged.c.moment_id))
    insert = insert_from(connection, moment_export, row, is_there_still)
    new, old = insert.excluded, moment_export.c
    changes: dict[str, ColumnElement[Any]] = {name: new[name] for name in row if name not in {"moment_id", "sobject"}}
    changes |= {name: func.coalesce(new[name], old[name]) for name in ("content", "salesforce_id", "exported_at")}
    changes["first_exported_at"] = func.coalesce(old.first_exported_at, new.first_exported_at)
    is_there = or_(new.refusal.is_(None), new.exported_at.is_not(None))
    changes["customer_id"] = case((is_there, new.customer_id), else_=old.customer_id)
    changes["attempts"] = case((new.refusal.is_(None), 0), else_=old.attempts + 1)
    connection.execute(insert.on_conflict_do_update(index_elements=["moment_id", "sobject"], set_=changes))


def requeue_refused(connection: Connection) -> None:
    """Make moments due at once that were refused for missing objects, fields or rights; else they wait a day."""
    waits = moment_export.c.refusal == RefusalClass.PERMISSION.value
    connection.execute(update(moment_export).values(refusal=RefusalClass.TRANSIENT.value).where(waits))


def count_results(connection: Connection, since: datetime) -> dict[SObject, ResultCounts]:
    """Return for each object the moments that were exported since then, by their last result."""
    done = moment_export.c
    outcome = case(
        (done.refusal.is_not(None), "refused"),
        (done.first_exported_at >= since, "added"),
        (done.exported_at >= since, "updated"),
        else_="unchanged",
    ).label("outcome")
    query = select(done.sobject, outcome, func.count()).where(done.tried_at >= since).group_by(done.sobject, outcome)
    counts: dict[SObject, dict[str, int]] = {sobject: {} for sobject in SObject}
    for sobject, name, moments in connection.execute(query):
        counts[SObject(sobject)][name] = moments
    return {sobject: ResultCounts(**outcomes) for sobject, outcomes in counts.items()}


def count_refusals(connection: Connection, since: datetime | None = None) -> list[tuple[str, str, str, int]]:
    """Return (object, RefusalClass, Salesforce's code, moments) of all refused moments, or of those since then."""
    done = moment_export.c
    moments = func.count()
    conditions = [done.refusal.is_not(None)] + ([done.tried_at >= since] if since else [])
    query = select(done.sobject, done.refusal, func.coalesce(done.error_code, ""), moments).where(and_(*conditions))
    grouped = query.group_by(done.sobject, done.refusal, done.error_code).order_by(moments.desc(), done.error_code)
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(grouped)]


def read_refused(connection: Connection, since: datetime, most: int) -> list[RefusedMoment]:
    """Return at most so many moments that were refused since then, those with one cause together."""
    done = moment_export.c
    columns = (done.sobject, func.coalesce(done.error_code, ""), done.moment_id, done.parent_id, done.attempts)
    query = select(*columns).where(done.refusal.is_not(None), done.tried_at >= since)
    ordered = query.order_by(done.sobject, done.error_code, done.parent_id, done.moment_id).limit(most)
    return [RefusedMoment(*row) for row in connection.execute(ordered)]
