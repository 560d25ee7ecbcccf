"""Takes back what a run changed in customers: each field that nobody has changed since, and never a no.

A trigger keeps what a customer was before the first change of each run; a run is known by its start, which is what
`modified_at` is set to.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, delete, func, select, update

from crm_sync.consent.here_store import BLACKLIST
from crm_sync.consent.ledger_store import carry_over
from crm_sync.consent.standing_store import customers_with, refresh_consent
from crm_sync.database.dialects import write_and_count
from crm_sync.database.frames import frame_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import JSON_OBJECT, Instant, customer, sync_run
from crm_sync.database.tables.safety import customer_history
from crm_sync.errors import ConfigurationError
from crm_sync.mapping.customer_fields import CONSENT_FIELDS, CUSTOMER_FIELDS
from crm_sync.runs.history_store import HARD_BOUNCES

_MAIL = ("mail_status", "mail_status_before")
_MERGED = "merged_into_customer_id"
_MARKS = ("deleted_in_salesforce_at", _MERGED)
# What follows from consent, and what identifies customers, stays.
_COLUMNS = [*(name for name in CUSTOMER_FIELDS if name not in CONSENT_FIELDS), "status", *_MAIL, *_MARKS]
_OPTION = "option "
_AT_ONCE = 5_000
_CHANGE = ["customer_id", "field", "old"]


@dataclass(frozen=True)
class KeptRun:
    """A run whose changes can be taken back."""

    number: int
    flow: str
    started_at: datetime
    customers: int


@dataclass(frozen=True)
class UndoPlan:
    """`changes`: `customer_id`, `field` (an option as "option name"), `old` (what the field goes back to).
    `left`: how many values stay, since they were changed again later."""

    changes: pd.DataFrame
    left: int = 0


def kept_runs(connection: Connection) -> list[KeptRun]:
    """Return the runs that can be taken back, the newest first."""
    customers = func.count()
    query = (
        select(sync_run.c.id, sync_run.c.flow, sync_run.c.started_at, customers)
        .join(customer_history, customer_history.c.at == sync_run.c.started_at)
        .group_by(sync_run.c.id, sync_run.c.flow, sync_run.c.started_at)
        .order_by(sync_run.c.id.desc())
    )
    return [KeptRun(*row) for row in connection.execute(query)]


def plan_undo(
    connection: Connection, run: int, customer_ids: Collection[int] = (), fields: Collection[str] = ()
) -> UndoPlan:
    """Find what taking a run back would change; of some customers and fields only, where they are given.

    Raises ConfigurationError for a run of which nothing is kept, and for a field that no customer has.
    """
    found = connection.execute(select(sync_run.c.started_at, sync_run.c.flow).where(sync_run.c.id == run)).one_or_none()
    if found is None or run not in {one.number for one in kept_runs(connection)}:
        raise ConfigurationError(
            f"Nothing is kept that run {run} has changed; run undo-run without a number for the runs that can be taken "
            "back."
        )
    unknown = [name for name in fields if name not in _COLUMNS and not name.startswith(_OPTION)]
    if unknown:
        raise ConfigurationError(
            f"{unknown[0]} is no field that can be taken back; name a customer field such as city, or an option field "
            f"as '{_OPTION}name'."
        )
    stops_mail = found.flow == HARD_BOUNCES
    plans = [
        _compare(*batch, fields, stops_mail=stops_mail)
        for batch in _batches(connection, found.started_at, set(customer_ids))
    ]
    changes = pd.concat([pd.DataFrame({name: [] for name in _CHANGE}), *(plan.changes for plan in plans)])
    return UndoPlan(changes.reset_index(drop=True), sum(plan.left for plan in plans))


def undo(connection: Connection, plan: UndoPlan, *, run: int, now: datetime) -> int:
    """Write what was planned, and return how many customers changed; a no that came since stands."""
    touched: set[int] = set()
    for field, rows in plan.changes.groupby("field"):
        name = str(field)
        if name == "address_hash":
            _carry(connection, rows, run=run, now=now)
        elif not name.startswith(_OPTION):
            _write(connection, name, rows, now)
        touched.update(int(one) for one in rows["customer_id"])
    options = plan.changes[plan.changes["field"].str.startswith(_OPTION)]
    if len(options):
        _write_options(connection, options, now)
    ids = pd.Series(sorted(touched), dtype="Int64")
    refresh_consent(connection, customers_with(connection, ids), now)
    return len(ids)


def drop_old_values(connection: Connection, before: datetime) -> int:
    """Forget what customers were before runs that started before that moment."""
    return write_and_count(connection, delete(customer_history).where(customer_history.c.at < before))


_Batch = tuple[dict[int, dict[str, Any]], dict[int, dict[str, Any]], dict[int, dict[str, Any]]]


def _batches(connection: Connection, at: datetime, only: set[int]) -> Iterator[_Batch]:
    """Give customers by id as they were before the run, before the next run that changed them, and as they are."""
    query = select(customer_history.c.customer_id).where(customer_history.c.at == at)
    ids = [one for one in connection.scalars(query.order_by(customer_history.c.customer_id)) if not only or one in only]
    for start in range(0, len(ids), _AT_ONCE):
        some = stage(
            connection,
            "staged_undo",
            pd.DataFrame({"id": pd.Series(ids[start : start + _AT_ONCE], dtype="Int64")}),
            {"id": customer.c.id.type},
        )
        kept = connection.execute(
            select(customer_history.c.customer_id, customer_history.c.at, customer_history.c.was)
            .join(some, some.c.id == customer_history.c.customer_id)
            .where(customer_history.c.at >= at)
            .order_by(customer_history.c.at.desc())
        ).all()
        before = {row.customer_id: _flat(row.was) for row in kept if row.at == at}
        _part_from_erased(connection, before)
        later = {row.customer_id: _flat(row.was) for row in kept if row.at > at}
        rows = connection.execute(select(customer).join(some, some.c.id == customer.c.id))
        yield before, later, {row.id: _flat(dict(row._mapping)) for row in rows}


def _part_from_erased(connection: Connection, before: dict[int, dict[str, Any]]) -> None:
    """Take out of what customers were before that they were joined to one who was erased since."""
    into = {was[_MERGED] for was in before.values() if _MERGED in was}
    there = set(connection.scalars(select(customer.c.id).where(customer.c.id.in_(into)))) if into else set()
    for was in before.values():
        if _MERGED not in was or was[_MERGED] in there:
            continue
        del was[_MERGED]
        if "deleted_in_salesforce_at" not in was and (kept := was.pop("mail_status_before", None)) is not None:
            was["mail_status"] = kept or None


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Return a customer's values that can be taken back, each as it is compared; without the empty ones."""
    options = {f"{_OPTION}{name}": value for name, value in (row.get("options") or {}).items()}
    values = {name: row.get(name) for name in (*_COLUMNS, "address_hash")} | options
    return {name: _comparable(name, value) for name, value in values.items() if value is not None}


def _comparable(name: str, value: Any) -> Any:
    if name == "deleted_in_salesforce_at":
        moment = pd.Timestamp(value)
        return moment.tz_localize("UTC") if moment.tz is None else moment.tz_convert("UTC")
    return str(value) if name == "birthday" else value


def _compare(
    before: dict[int, dict[str, Any]],
    later: dict[int, dict[str, Any]],
    now: dict[int, dict[str, Any]],
    fields: Collection[str],
    *,
    stops_mail: bool,
) -> UndoPlan:
    rows, left = [], 0
    for customer_id, was in before.items():
        is_now = now.get(customer_id)
        if is_now is None:
            continue
        after = later.get(customer_id, is_now)
        # Only with such a mark, or for bounces, has a run touched `mail_status`, which people here set without one.
        is_marked = stops_mail or any(was.get(mark) != after.get(mark) for mark in _MARKS)
        for field in sorted({*was, *after}):
            if field in _MAIL and not is_marked:
                continue
            if was.get(field) == after.get(field) or (fields and not _is_wanted(field, fields)):
                continue
            is_blacklisted = field == "status" and str(is_now.get(field)).lower() == BLACKLIST
            if is_now.get(field) != after.get(field) or is_blacklisted:
                left += 1
            else:
                rows.append((customer_id, field, was.get(field)))
    return UndoPlan(pd.DataFrame(rows, columns=_CHANGE, dtype="object"), left)


def _is_wanted(field: str, fields: Collection[str]) -> bool:
    return field in fields or (field == "address_hash" and "email_address" in fields)


def _write(connection: Connection, field: str, rows: pd.DataFrame, now: datetime) -> None:
    kind = customer.c[field].type
    values = pd.Series(list(rows["old"]), dtype="object")
    if isinstance(kind, Instant):
        values = pd.to_datetime(values, utc=True)
    elif field == "merged_into_customer_id":
        values = values.astype("Int64")
    else:
        values = values.astype("str")
    frame = pd.DataFrame({"id": pd.Series([int(one) for one in rows["customer_id"]], dtype="Int64"), "value": values})
    staged = stage(connection, "staged_old_value", frame, {"id": customer.c.id.type, "value": kind})
    connection.execute(
        update(customer).values({field: staged.c.value, "modified_at": now}).where(customer.c.id == staged.c.id)
    )


def _write_options(connection: Connection, rows: pd.DataFrame, now: datetime) -> None:
    ids = sorted({int(one) for one in rows["customer_id"]})
    old: dict[int, dict[str, Any]] = {one: {} for one in ids}
    for one, field, value in rows[_CHANGE].itertuples(index=False):
        old[int(one)][str(field).removeprefix(_OPTION)] = value
    for start in range(0, len(ids), 500):
        query = select(customer.c.id, customer.c.options).where(customer.c.id.in_(ids[start : start + 500]))
        found = frame_of(connection.execute(query), ["id", "options"], dtype="object")
        texts = [json.dumps(has | old[int(one)]) for one, has in zip(found["id"], found["options"], strict=True)]
        frame = pd.DataFrame({"id": found["id"].astype("Int64"), "value": pd.Series(texts, dtype="str")})
        staged = stage(connection, "staged_options", frame, {"id": customer.c.id.type, "value": JSON_OBJECT})
        connection.execute(
            update(customer).values(options=staged.c.value, modified_at=now).where(customer.c.id == staged.c.id)
        )


def _carry(connection: Connection, rows: pd.DataFrame, *, run: int, now: datetime) -> None:
    """Give customers the hash of the address that they had; the noes of the address of now go along."""
    frame = pd.DataFrame(
        {
            "id": pd.Series([int(one) for one in rows["customer_id"]], dtype="Int64"),
            "new_hash": pd.Series(list(rows["old"]), dtype="Int64"),
        }
    ).dropna()
    types = {"id": customer.c.id.type, "new_hash": customer.c.address_hash.type}
    staged = stage(connection, "staged_old_address", frame, types)
    query = select(customer.c.address_hash, staged.c.new_hash).join(staged, staged.c.id == customer.c.id)
    moved = frame_of(connection.execute(query), ["old_hash", "new_hash"], dtype="object").astype("Int64").dropna()
    carry_over(connection, moved.assign(moved_at=pd.Timestamp(now)), run=run, now=now)
    connection.execute(
        update(customer).values(address_hash=staged.c.new_hash, modified_at=now).where(customer.c.id == staged.c.id)
    )
