"""Writes customers from the records that speak for them; only linked fields, and only what differs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Table,
    Text,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    true,
    type_coerce,
    update,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from crm_sync.customers.dialects import insert_for, write_and_count
from crm_sync.customers.staging import stage
from crm_sync.customers.tables import JSON_OBJECT, Instant, customer
from crm_sync.mapping import CustomerFieldKind, MappingRules, ObjectMapping, SObject

_SPEAKER = {"sobject": "salesforce_object", "id": "salesforce_id"}


@dataclass(frozen=True)
class Written:
    """Customers that the batch's own records made or changed."""

    inserted: int = 0
    updated: int = 0


def upsert_customers(connection: Connection, speakers: pd.DataFrame, rules: MappingRules, now: datetime) -> Written:
    """Insert or update a customer for each speaking record; only those with `in_batch` are counted."""
    inserted = updated = 0
    for (sobject, in_batch), group in speakers.groupby(["sobject", "in_batch"], sort=True):
        mapping = rules.of(SObject(str(sobject)))
        staged = _stage_customers(connection, group, mapping)
        new = _count_new(connection, staged)
        changed = write_and_count(connection, _upsert(connection, staged, mapping, now))
        if in_batch:
            inserted += new
            updated += changed - new
    return Written(inserted, updated)


def add_second_voices(connection: Connection, speakers: pd.DataFrame, rules: MappingRules, now: datetime) -> None:
    """Fill the customer fields for which only the other sObject has a link (a converted lead's Id, for example)."""
    for sobject, group in speakers.groupby("sobject"):
        own, other = rules.of(SObject(str(sobject))), rules.of(_other(SObject(str(sobject))))
        taken = {link.target for link in other.links}
        extra = own.model_copy(update={"links": [link for link in own.links if link.target not in taken]})
        if not extra.links:
            continue
        staged = _stage_customers(connection, group, extra)
        values = _new_values(connection, staged.c, extra)
        connection.execute(
            update(customer)
            .values(**values, modified_at=now)
            .where(customer.c.unique_key == staged.c.unique_key, _differs(values))
        )


def _other(sobject: SObject) -> SObject:
    return SObject.CONTACT if sobject is SObject.LEAD else SObject.LEAD


def _stage_customers(connection: Connection, group: pd.DataFrame, mapping: ObjectMapping) -> Table:
    linked = [link.name for link in mapping.links if link.kind is CustomerFieldKind.STANDARD]
    frame = group[["unique_key", *linked, "options", "sobject", "id"]].rename(columns=_SPEAKER)
    types = {name: customer.c[name].type for name in linked} | {"options": JSON_OBJECT}
    return stage(connection, "staged_customer", frame, types)


def _count_new(connection: Connection, staged: Table) -> int:
    known = select(customer.c.id).where(customer.c.unique_key == staged.c.unique_key).exists()
    return connection.scalars(select(func.count()).select_from(staged).where(~known)).one()


def _upsert(connection: Connection, staged: Table, mapping: ObjectMapping, now: datetime) -> Insert:
    moment = literal(now, Instant())
    row: dict[str, ColumnElement[Any]] = {
        **{column.name: column for column in staged.c},
        "status": literal(mapping.status or None, customer.c.status.type),
        "created_at": moment,
        "modified_at": moment,
    }
    # Without a WHERE, SQLite reads ON CONFLICT as part of the FROM clause.
    source = select(*(value.label(name) for name, value in row.items())).where(true())
    insert = insert_for(connection, customer).from_select(list(row), source)
    values = _new_values(connection, insert.excluded, mapping) | {
        "status": insert.excluded.status,
        "salesforce_object": insert.excluded.salesforce_object,
        "salesforce_id": insert.excluded.salesforce_id,
        "deleted_in_salesforce_at": null(),
        "merged_into_customer_id": null(),
        # A customer that was joined to another one is a person of its own again.
        "mail_status": case((customer.c.merged_into_customer_id.is_not(None), None), else_=customer.c.mail_status),
    }
    return insert.on_conflict_do_update(
        index_elements=["unique_key"], set_={**values, "modified_at": moment}, where=_differs(values)
    )


def _new_values(
    connection: Connection, row: ReadOnlyColumnCollection[str, Any], mapping: ObjectMapping
) -> dict[str, ColumnElement[Any]]:
    values: dict[str, ColumnElement[Any]] = {
        link.name: row[link.name] for link in mapping.links if link.kind is CustomerFieldKind.STANDARD
    }
    options = [link.name for link in mapping.links if link.kind is CustomerFieldKind.OPTION]
    if options:
        values["options"] = _merged_options(connection, row["options"], options)
    return values


def _merged_options(connection: Connection, new: ColumnElement[Any], names: list[str]) -> ColumnElement[Any]:
    """Return the customer's options with the linked ones replaced; the others stay."""
    merged: ColumnElement[Any] = customer.c.options
    for name in names:
        if connection.dialect.name == "postgresql":
            member = func.jsonb_build_object(cast(name, Text), new.op("->")(cast(name, Text)))
            merged = merged.op("||")(member)
        else:
            path = f'$."{name}"'
            merged = func.json_set(merged, path, func.json(new.op("->")(path)))
    return type_coerce(merged, JSON_OBJECT)


def _differs(values: dict[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    return or_(*(customer.c[name].is_distinct_from(value) for name, value in values.items() if name != "mail_status"))
