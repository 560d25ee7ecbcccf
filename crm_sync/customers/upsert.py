"""Writes customers from the records that speak for them; only linked fields, and only what differs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import pandas as pd
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Insert,
    Table,
    Text,
    and_,
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

from crm_sync.columns.membership import among
from crm_sync.database.dialects import insert_for, write_and_count
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import JSON_OBJECT, Instant, customer
from crm_sync.mapping.model import CustomerFieldKind, MappingRules, ObjectMapping
from crm_sync.sobject import SObject

# SQLite and PostgreSQL take at most about a hundred arguments, and an option needs two.
_OPTIONS_AT_ONCE = 40
_SPEAKER = {"sobject": "salesforce_object", "id": "salesforce_id"}


@dataclass(frozen=True)
class Written:
    """Customers that the batch's own records made or changed."""

    inserted: int = 0
    updated: int = 0


@dataclass(frozen=True)
class Part:
    """Mapped records of one sObject (the columns of `map_records`): those of the batch, or others from the mirror."""

    sobject: SObject
    in_batch: bool
    records: pd.DataFrame


def upsert_customers(
    connection: Connection,
    first: list[Part],
    second: list[Part],
    rules: MappingRules,
    now: datetime,
    *,
    any_known: bool,
) -> Written:
    """Insert or update a customer for each record that speaks first; only those of the batch are counted.

    `second`: the records of the other sObject, which fill what only theirs has links for (a converted lead's Id,
    for example). Without one, what an earlier one filled is emptied. `any_known`: whether the mirror held any of the
    batch's records before, so that most of its customers may be there as they are to be.
    """
    inserted = updated = 0
    accompanied = pd.concat([pd.Series(dtype="str"), *(part.records["unique_key"] for part in second)])
    for part in first:
        highest = connection.scalars(select(func.max(customer.c.id))).one() or 0
        changed = 0
        for group, is_alone in _by_company(part.records, accompanied):
            emptied = _only_of(_other(part.sobject), rules) if is_alone else None
            for records, stays_joined in _by_conversion(group, rules):
                staged = _stage_customers(connection, records, rules.of(part.sobject))
                statement = _upsert(
                    connection,
                    staged,
                    rules.of(part.sobject),
                    emptied,
                    now,
                    any_known=any_known or not part.in_batch,
                    stays_joined=stays_joined,
                )
                changed += write_and_count(connection, statement)
        if part.in_batch:
            new = _count_above(connection, highest, now)
            inserted += new
            updated += changed - new
    for part in second:
        _add_second_voices(connection, part, rules, now)
    return Written(inserted, updated)


def _by_company(records: pd.DataFrame, accompanied: pd.Series) -> Iterator[tuple[pd.DataFrame, bool]]:
    """Give the records whose key has no second voice, then those whose key has one; whole when it is all the same."""
    if accompanied.empty:
        yield records, True
        return
    alone = ~among(records["unique_key"], accompanied)
    if alone.any():
        yield records[alone], True
    if not alone.all():
        yield records[~alone], False


def _by_conversion(records: pd.DataFrame, rules: MappingRules) -> Iterator[tuple[pd.DataFrame, bool]]:
    """Give the records, converted leads apart: whether their customers are joined is their contacts' matter."""
    converted = records["is_converted"] & (SObject.CONTACT in rules.mapped)
    if not converted.all():
        yield (records[~converted] if converted.any() else records), False
    if converted.any():
        yield records[converted], True


def _add_second_voices(connection: Connection, part: Part, rules: MappingRules, now: datetime) -> None:
    extra = _only_of(part.sobject, rules)
    if not extra.links:
        return
    staged = _stage_customers(connection, part.records, extra)
    row = dict(staged.c.items())
    values = _new_values(connection, row, extra) | {"secondary_salesforce_id": row["salesforce_id"]}
    connection.execute(
        update(customer)
        .values(**values, modified_at=now)
        .where(customer.c.unique_key == staged.c.unique_key, _differs(values, row))
    )


def _only_of(sobject: SObject, rules: MappingRules) -> ObjectMapping:
    """Return the links to customer fields that the other sObject has no link for."""
    taken = {link.target for link in rules.of(_other(sobject)).links}
    own = rules.of(sobject)
    return own.model_copy(update={"links": [link for link in own.links if link.target not in taken]})


def _other(sobject: SObject) -> SObject:
    return SObject.CONTACT if sobject is SObject.LEAD else SObject.LEAD


def _stage_customers(connection: Connection, group: pd.DataFrame, mapping: ObjectMapping) -> Table:
    linked = [link.name for link in mapping.links if link.kind is CustomerFieldKind.STANDARD]
    frame = group[["unique_key", *linked, "options", "sobject", "id"]].rename(columns=_SPEAKER)
    types = {name: customer.c[name].type for name in linked} | {"options": JSON_OBJECT}
    return stage(connection, "staged_customer", frame, types)


def _count_above(connection: Connection, highest: int, now: datetime) -> int:
    """Count the customers made here since `highest` was the highest id; others may have made some, at other times."""
    made = select(func.count()).where(customer.c.id > highest, customer.c.created_at == now)
    return connection.scalars(made).one()


def _upsert(
    connection: Connection,
    staged: Table,
    mapping: ObjectMapping,
    emptied: ObjectMapping | None,
    now: datetime,
    *,
    any_known: bool,
    stays_joined: bool,
) -> Insert:
    moment = literal(now, Instant())
    row: dict[str, ColumnElement[Any]] = {column.name: column for column in staged.c}
    if mapping.status:
        row["status"] = literal(mapping.status, customer.c.status.type)
    stamped = row | {"created_at": moment, "modified_at": moment}
    # Without a WHERE, SQLite reads ON CONFLICT as part of the FROM clause.
    source = select(*(value.label(name) for name, value in stamped.items())).where(true())
    if any_known:
        # PostgreSQL locks a row at its conflict, which is a write, even if nothing of it changes.
        differs = _differs(_spoken(connection, row, mapping, emptied, stays_joined=stays_joined), row)
        source = source.join_from(staged, customer, customer.c.unique_key == staged.c.unique_key, isouter=True).where(
            or_(customer.c.id.is_(None), differs)
        )
    insert = insert_for(connection, customer).from_select([*stamped], source)
    excluded = dict(insert.excluded.items())
    values = _spoken(connection, excluded, mapping, emptied, stays_joined=stays_joined)
    return insert.on_conflict_do_update(
        index_elements=["unique_key"], set_={**values, "modified_at": moment}, where=_differs(values, excluded)
    )


def _spoken(
    connection: Connection,
    row: Mapping[str, ColumnElement[Any]],
    mapping: ObjectMapping,
    emptied: ObjectMapping | None,
    *,
    stays_joined: bool,
) -> dict[str, ColumnElement[Any]]:
    """Return what a customer becomes when `row` speaks for it."""
    values = _new_values(connection, row, mapping) | {
        **({"status": row["status"]} if mapping.status else {}),
        "salesforce_object": row["salesforce_object"],
        "salesforce_id": row["salesforce_id"],
        "deleted_in_salesforce_at": null(),
    }
    if not stays_joined:
        # A customer that was joined to another one is a person of its own again.
        is_joined = customer.c.merged_into_customer_id.is_not(None)
        values["mail_status"] = case((is_joined, None), else_=customer.c.mail_status)
        values["merged_into_customer_id"] = null()
    if emptied:
        values |= _without(connection, values, emptied, row["salesforce_object"])
    return values


def _new_values(
    connection: Connection, row: Mapping[str, ColumnElement[Any]], mapping: ObjectMapping
) -> dict[str, ColumnElement[Any]]:
    values: dict[str, ColumnElement[Any]] = {
        link.name: row[link.name] for link in mapping.links if link.kind is CustomerFieldKind.STANDARD
    }
    options = [link.name for link in mapping.links if link.kind is CustomerFieldKind.OPTION]
    if options:
        values["options"] = _merged_options(connection, row["options"], options)
    return values


def _without(
    connection: Connection, values: dict[str, ColumnElement[Any]], mapping: ObjectMapping, speaker: ColumnElement[str]
) -> dict[str, ColumnElement[Any]]:
    """Return `values` without what `mapping` filled before; what was never filled from Salesforce stays."""
    filled = or_(customer.c.secondary_salesforce_id.is_not(None), customer.c.salesforce_object != speaker)
    emptied: dict[str, ColumnElement[Any]] = {"secondary_salesforce_id": null()}
    options = []
    for link in mapping.links:
        if link.kind is CustomerFieldKind.OPTION:
            options.append(link.name)
        else:
            emptied[link.name] = case((filled, None), else_=customer.c[link.name])
    if options:
        kept = values.get("options", customer.c.options)
        fewer: ColumnElement[Any]
        if connection.dialect.name == "postgresql":
            fewer = kept.op("-")(cast(options, ARRAY(Text)))
        else:
            fewer = func.json_remove(kept, *(f'$."{name}"' for name in options))
        emptied["options"] = type_coerce(case((filled, fewer), else_=kept), JSON_OBJECT)
    return emptied


def _merged_options(connection: Connection, new: ColumnElement[Any], names: list[str]) -> ColumnElement[Any]:
    """Return the customer's options with the linked ones replaced; the others stay."""
    merged: ColumnElement[Any] = customer.c.options
    for start in range(0, len(names), _OPTIONS_AT_ONCE):
        some = names[start : start + _OPTIONS_AT_ONCE]
        if connection.dialect.name == "postgresql":
            pairs = ((cast(name, Text), new.op("->")(cast(name, Text))) for name in some)
            merged = merged.op("||")(func.jsonb_build_object(*chain.from_iterable(pairs)))
        else:
            paths = ((f'$."{name}"', func.json(new.op("->")(f'$."{name}"'))) for name in some)
            merged = func.json_set(merged, *chain.from_iterable(paths))
    return type_coerce(merged, JSON_OBJECT)


def _differs(values: dict[str, ColumnElement[Any]], row: Mapping[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    changes = {
        name: customer.c[name].is_distinct_from(value) for name, value in values.items() if name != "mail_status"
    }
    if "options" in changes:
        # As a rule a customer has no options but the linked ones; then they need not be taken apart.
        changes["options"] = and_(customer.c.options.is_distinct_from(row["options"]), changes["options"])
    return or_(*changes.values())
