"""Which customers are to be compared with Deployteq, and what is noted of them afterwards."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    type_coerce,
    update,
)

from crm_sync.database.dialects import insert_for, insert_from, typed
from crm_sync.database.frames import frame_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import FIELD_COLUMN_TYPES, JSON_OBJECT, Instant, customer
from crm_sync.database.tables.deployteq import deployteq_conflict, deployteq_customer, deployteq_pending
from crm_sync.exchange.values import FIELDS, STATUS, identities
from crm_sync.mapping.customer_fields import CUSTOMER_FIELDS, FieldType

_MIRRORED = ["deployteq_id", "identity", "field_values", "sent_values", "agreed_values"]
_READ = [
    *("id", *FIELDS.values(), STATUS, "options", "opt_in", "sms_opt_in", "salesforce_id", "created_at", "modified_at"),
]
_AGAIN_AFTER = timedelta(days=1)


def read_candidates(connection: Connection, brand: str, now: datetime, *, after: int, limit: int) -> pd.DataFrame:
    """Return customers that changed since they were last compared, or that Deployteq has no record of, by their id.

    The columns of the table `customer` that are exchanged, `own_identity`, and of the mirror `deployteq_id` (missing
    for a new one), `identity`, `field_values`, `sent_values`, `agreed_values`; `sent_at`: when an insert was sent that
    was not answered.
    """
    mirror, pending = deployteq_customer.c, deployteq_pending.c
    columns = [*(customer.c[name] for name in _READ), *(mirror[name] for name in _MIRRORED)]
    due = _due(select(*columns, pending.sent_at), brand, now).where(customer.c.id > after)
    query = due.order_by(customer.c.id).limit(limit)
    found = frame_of(connection.execute(query), [*_READ, *_MIRRORED, "sent_at"], dtype="object")
    known = found["deployteq_id"].astype("Int64")
    return found.assign(deployteq_id=known, own_identity=identities(found)).set_index("id", drop=False)


def _due(query: Select[Any], brand: str, now: datetime) -> Select[Any]:
    """Select from the customers that are due, with their rows of the mirror and of what is on its way."""
    mirror, pending = deployteq_customer.c, deployteq_pending.c
    is_own = and_(mirror.customer_id == customer.c.id, mirror.brand == brand, ~mirror.is_double)
    is_sent = and_(pending.customer_id == customer.c.id, pending.brand == brand)
    again = now - _AGAIN_AFTER
    # Several there could be it, and none of them is paired: one more would be another double.
    double = deployteq_customer.alias("double").c
    is_there = exists().where(
        *(double.brand == brand, double.customer_id == customer.c.id),
        *(double.is_double, double.deleted_there_at.is_(None)),
    )
    is_new = and_(
        mirror.deployteq_id.is_(None),
        ~is_there.correlate(customer),
        customer.c.salesforce_id.is_not(None),
        customer.c.deleted_in_salesforce_at.is_(None),
        or_(
            pending.error_code.is_(None),
            pending.refused_at < again,
            pending.customer_modified_at.is_distinct_from(customer.c.modified_at),
        ),
    )
    # Deleted there: it may have been an erasure, so it is not made again.
    is_changed = and_(
        mirror.deployteq_id.is_not(None),
        mirror.deleted_there_at.is_(None),
        or_(mirror.compared_at.is_distinct_from(customer.c.modified_at), mirror.refused_at < again),
    )
    source = query.join_from(customer, deployteq_customer, is_own, isouter=True)
    return source.join(deployteq_pending, is_sent, isouter=True).where(
        customer.c.merged_into_customer_id.is_(None), or_(is_new, is_changed)
    )


def count_new(connection: Connection, brand: str, now: datetime) -> int:
    """Return how many customers Deployteq has no record of."""
    new = _due(select(func.count()), brand, now).where(deployteq_customer.c.deployteq_id.is_(None))
    return connection.scalar(new) or 0


def count_changed_there(connection: Connection, brand: str) -> tuple[int, int]:
    """Return how many customers changed in Deployteq since they were compared, and how many were ever compared."""
    mirror = deployteq_customer.c
    is_compared = and_(mirror.brand == brand, mirror.agreed_values.is_not(None), mirror.deleted_there_at.is_(None))
    query = select(func.count().filter(mirror.compared_at.is_(None)), func.count()).where(is_compared)
    changed, compared = connection.execute(query).one()
    return changed, compared


def take_values(connection: Connection, taken: pd.DataFrame, now: datetime) -> None:
    """Write values of Deployteq into customers; the frame has the fields by Deployteq's names, missing where none."""
    for there, values in taken.items():
        here = FIELDS.get(str(there), STATUS if there == STATUS else "")
        own = values.dropna()
        if not here or own.empty:
            continue
        kind = CUSTOMER_FIELDS.get(here, FieldType.TEXT)
        text = own.where(own.ne(""), None).astype("str")
        if kind is FieldType.DATE:
            text = pd.to_datetime(text, errors="coerce", format="%Y-%m-%d").dt.strftime("%Y-%m-%d").astype("str")
        frame = pd.DataFrame({"id": own.index.astype("int64"), "value": text.to_numpy()})
        staged = stage(connection, "staged_taken", frame, {"id": customer.c.id.type})
        value = typed(connection, staged.c.value, FIELD_COLUMN_TYPES[kind]())
        connection.execute(
            update(customer).values({here: value, "modified_at": now}).where(customer.c.id == staged.c.id)
        )


def note_conflicts(
    connection: Connection, brand: str, rows: list[dict[str, Any]], run: int | None, at: datetime
) -> None:
    """Keep fields that were changed on both sides: `customer_id`, `field`, `here`, `there`."""
    if rows:
        common = {"brand": brand, "sync_run_id": run, "at": at}
        connection.execute(insert(deployteq_conflict), [{**row, **common} for row in rows])


def note_agreement(connection: Connection, brand: str, agreements: pd.DataFrame) -> None:
    """Note what both sides hold.

    `deployteq_id`, `sent_values`, `agreed_values` (JSON object text of the fields that were looked at, null for one
    that is not held), `compared_at` (datetime).
    """
    if agreements.empty:
        return
    mirror = deployteq_customer.c
    staged = stage(connection, "staged_agreement", agreements, {"deployteq_id": mirror.deployteq_id.type})
    values = {name: _patched(connection, mirror[name], staged.c[name]) for name in ("sent_values", "agreed_values")}
    connection.execute(
        update(deployteq_customer)
        .values(**values, compared_at=staged.c.compared_at, error_code=None, refused_at=None)
        .where(mirror.brand == brand, mirror.deployteq_id == staged.c.deployteq_id)
    )


def _patched(connection: Connection, known: ColumnElement[Any], patch: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return JSON objects with the members of staged ones; what is null there is taken out."""
    if connection.dialect.name == "sqlite":
        return type_coerce(func.json_patch(func.coalesce(known, "{}", type_=Text()), patch), JSON_OBJECT)
    before = func.coalesce(known, func.jsonb_build_object(), type_=JSON_OBJECT)
    return func.jsonb_strip_nulls(before.op("||")(cast(patch, JSON_OBJECT)), type_=JSON_OBJECT)


def note_intent(connection: Connection, brand: str, customers: pd.Index, now: datetime) -> None:
    """Keep, before the call, that customers are about to be inserted."""
    staged = stage(connection, "staged_intent", pd.DataFrame({"id": customers}), {"id": customer.c.id.type})
    row = {"brand": literal(brand), "customer_id": staged.c.id, "sent_at": literal(now, Instant())}
    statement = insert_from(connection, deployteq_pending, row)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["brand", "customer_id"], set_={"sent_at": statement.excluded.sent_at}
        )
    )


def drop_intent(connection: Connection, brand: str, customers: pd.Index) -> None:
    """Forget that customers were about to be inserted: their call was never made."""
    staged = stage(connection, "staged_unsent", pd.DataFrame({"id": customers}), {"id": customer.c.id.type})
    pending = deployteq_pending.c
    is_one = and_(pending.brand == brand, pending.error_code.is_(None), pending.customer_id.in_(select(staged.c.id)))
    connection.execute(delete(deployteq_pending).where(is_one))


def end_intent(connection: Connection, brand: str, made: Mapping[int, int], now: datetime) -> None:
    """Note that customers (by their id, the id in Deployteq) were inserted, or found there after all."""
    if not made:
        return
    mirror = deployteq_customer.c
    frame = pd.DataFrame({"id": list(made), "deployteq_id": list(made.values())})
    types = {"id": customer.c.id.type, "deployteq_id": mirror.deployteq_id.type}
    staged = stage(connection, "staged_made", frame, types)
    connection.execute(
        update(deployteq_customer)
        .values(customer_id=staged.c.id, paired_by="identity", first_delivered_at=now)
        .where(mirror.brand == brand, mirror.deployteq_id == staged.c.deployteq_id)
    )
    connection.execute(
        delete(deployteq_pending).where(
            deployteq_pending.c.brand == brand, deployteq_pending.c.customer_id.in_(select(staged.c.id))
        )
    )


def note_refused_new(
    connection: Connection, brand: str, person: int, code: str, stamp: datetime, now: datetime
) -> None:
    """Note that a customer was not made; it is tried again when it changes, or after a day."""
    why = {"sent_at": None, "error_code": code, "refused_at": now, "customer_modified_at": stamp}
    statement = insert_for(connection, deployteq_pending).values(brand=brand, customer_id=person, **why)
    connection.execute(statement.on_conflict_do_update(index_elements=["brand", "customer_id"], set_=why))


def note_refused(connection: Connection, brand: str, number: int, code: str, stamp: datetime, now: datetime) -> None:
    """Note that Deployteq refused an update; it is tried again when the customer changes, or after a day."""
    connection.execute(
        update(deployteq_customer)
        .values(error_code=code, refused_at=now, compared_at=stamp)
        .where(deployteq_customer.c.brand == brand, deployteq_customer.c.deployteq_id == number)
    )


def note_deleted_there(connection: Connection, brand: str, number: int, now: datetime) -> None:
    """Note that a customer is gone from Deployteq."""
    connection.execute(
        update(deployteq_customer)
        .values(deleted_there_at=now)
        .where(deployteq_customer.c.brand == brand, deployteq_customer.c.deployteq_id == number)
    )
