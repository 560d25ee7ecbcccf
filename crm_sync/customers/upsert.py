"""Writes customers from their source records: only linked fields, and only where a value differs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
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
from crm_sync.consent.here_store import BLACKLIST
from crm_sync.customers.mail_status_store import MAIL_STATUS, mail_status_again, mail_status_unless_joined
from crm_sync.customers.record_group import RecordGroup
from crm_sync.database.dialects import insert_for, write_and_count
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import JSON_OBJECT, Instant, customer
from crm_sync.mapping.model import CustomerFieldKind, MappingRules, ObjectMapping
from crm_sync.sobject import SObject

# SQLite and PostgreSQL take at most about a hundred arguments, and an option needs two.
_OPTIONS_AT_ONCE = 40
_SOURCE = {"sobject": "salesforce_object", "id": "salesforce_id"}


@dataclass(frozen=True)
class Written:
    """Customers that the batch's own records made or changed."""

    inserted: int = 0
    updated: int = 0


def upsert_customers(
    connection: Connection,
    primary: list[RecordGroup],
    secondary: list[RecordGroup],
    rules: MappingRules,
    now: datetime,
    *,
    has_matches: bool,
    overwrites: bool = False,
) -> Written:
    """Insert or update a customer for each primary record; only records of the batch are counted.

    `secondary`: records of the other sObject, which fill the fields that only it has links for (a converted lead's Id,
    for example). Without one, the values of an earlier one are cleared. `has_matches`: whether the mirror held any of
    the batch's records before: most customers may need no change. `overwrites`: write the status too; otherwise it
    stays as long as the source is of the same sObject.
    """
    inserted = updated = 0
    secondary_keys = pd.concat([pd.Series(dtype="str"), *(group.records["unique_key"] for group in secondary)])
    for group in primary:
        highest = connection.scalars(select(func.max(customer.c.id))).one() or 0
        changed = 0
        for some, is_alone in _by_secondary(group.records, secondary_keys):
            cleared_links = _only_of(_other(group.sobject), rules) if is_alone else None
            for records, stays_merged in _by_conversion(some, rules):
                staged = _stage_customers(connection, records, rules.of(group.sobject))
                statement = _upsert(
                    connection,
                    staged,
                    rules.of(group.sobject),
                    cleared_links,
                    now,
                    has_matches=has_matches or not group.in_batch,
                    stays_merged=stays_merged,
                    overwrites=overwrites,
                )
                changed += write_and_count(connection, statement)
        if group.in_batch:
            new = _count_above(connection, highest, now)
            inserted += new
            updated += changed - new
    for group in secondary:
        _apply_secondary(connection, group, rules, now)
    return Written(inserted, updated)


def _by_secondary(records: pd.DataFrame, secondary_keys: pd.Series) -> Iterator[tuple[pd.DataFrame, bool]]:
    """Split the records into those whose key has no secondary record (true), and those whose key has one."""
    if secondary_keys.empty:
        yield records, True
        return
    alone = ~among(records["unique_key"], secondary_keys)
    if alone.any():
        yield records[alone], True
    if not alone.all():
        yield records[~alone], False


def _by_conversion(records: pd.DataFrame, rules: MappingRules) -> Iterator[tuple[pd.DataFrame, bool]]:
    """Split off converted leads (true): whether their customers stay merged depends on their contacts."""
    converted = records["is_converted"] & (SObject.CONTACT in rules.mapped)
    if not converted.all():
        yield (records[~converted] if converted.any() else records), False
    if converted.any():
        yield records[converted], True


def _apply_secondary(connection: Connection, group: RecordGroup, rules: MappingRules, now: datetime) -> None:
    extra = _only_of(group.sobject, rules)
    if not extra.links:
        return
    staged = _stage_customers(connection, group.records, extra)
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


def _stage_customers(connection: Connection, records: pd.DataFrame, mapping: ObjectMapping) -> Table:
    linked = [link.name for link in mapping.links if link.kind is CustomerFieldKind.STANDARD]
    frame = records[["unique_key", *linked, "options", "sobject", "id", "address_hash"]].rename(columns=_SOURCE)
    types = {name: customer.c[name].type for name in [*linked, "address_hash"]} | {"options": JSON_OBJECT}
    return stage(connection, "staged_customer", frame, types)


def _count_above(connection: Connection, highest: int, now: datetime) -> int:
    """Count this batch's new customers: with a higher id than `highest`, made at its time (SQLite has one writer)."""
    is_of_batch = customer.c.created_at == now if connection.dialect.name == "postgresql" else true()
    return connection.scalars(select(func.count()).where(customer.c.id > highest, is_of_batch)).one()


def _upsert(
    connection: Connection,
    staged: Table,
    mapping: ObjectMapping,
    cleared_links: ObjectMapping | None,
    now: datetime,
    *,
    has_matches: bool,
    stays_merged: bool,
    overwrites: bool,
) -> Insert:
    moment = literal(now, Instant())
    row: dict[str, ColumnElement[Any]] = {column.name: column for column in staged.c}
    if mapping.status:
        row["status"] = literal(mapping.status, customer.c.status.type)
    # Consent is taken from the record only for a new customer; for others it follows from the ledger.
    first_consent = {f"{link.name}_set": row[link.name] for link in mapping.links if link.is_consent}
    stamped = row | first_consent | {"created_at": moment, "modified_at": moment}
    values_from = partial(
        _customer_values, connection, mapping, cleared_links, stays_merged=stays_merged, overwrites=overwrites
    )
    # Without a WHERE, SQLite reads ON CONFLICT as part of the FROM clause.
    source = select(*(value.label(name) for name, value in stamped.items())).where(true())
    if has_matches:
        # PostgreSQL locks a row at its conflict, which is a write, even if nothing of it changes.
        differs = _differs(values_from(row), row)
        source = source.join_from(staged, customer, customer.c.unique_key == staged.c.unique_key, isouter=True).where(
            or_(customer.c.id.is_(None), differs)
        )
    insert = insert_for(connection, customer).from_select([*stamped], source)
    excluded = dict(insert.excluded.items())
    values = values_from(excluded)
    return insert.on_conflict_do_update(
        index_elements=["unique_key"], set_={**values, "modified_at": moment}, where=_differs(values, excluded)
    )


def _customer_values(
    connection: Connection,
    mapping: ObjectMapping,
    cleared_links: ObjectMapping | None,
    row: Mapping[str, ColumnElement[Any]],
    *,
    stays_merged: bool,
    overwrites: bool,
) -> dict[str, ColumnElement[Any]]:
    """Return the columns of a customer whose source record is `row`."""
    values = _new_values(connection, row, mapping) | {
        **({"status": _status(row, overwrites=overwrites)} if mapping.status else {}),
        "salesforce_object": row["salesforce_object"],
        "salesforce_id": row["salesforce_id"],
        "deleted_in_salesforce_at": null(),
    }
    # A customer that was merged into another one is a customer of its own again, if it does not stay so.
    own = mail_status_again() | {"merged_into_customer_id": null()}
    values |= mail_status_unless_joined() if stays_merged else own
    if cleared_links:
        values |= _with_cleared(connection, values, cleared_links, row["salesforce_object"])
    return values


def _status(row: Mapping[str, ColumnElement[Any]], *, overwrites: bool) -> ColumnElement[Any]:
    """Return the status of a customer: nobody leaves the blacklist, and the marketer's own status stays until another
    kind of record is the source."""
    stays: ColumnElement[bool] = func.lower(customer.c.status) == BLACKLIST
    if not overwrites:
        has_own = and_(customer.c.status.is_not(None), customer.c.salesforce_object == row["salesforce_object"])
        stays = or_(stays, has_own)
    return case((stays, customer.c.status), else_=row["status"])


def _new_values(
    connection: Connection, row: Mapping[str, ColumnElement[Any]], mapping: ObjectMapping
) -> dict[str, ColumnElement[Any]]:
    values: dict[str, ColumnElement[Any]] = {
        link.name: row[link.name]
        for link in mapping.links
        if link.kind is CustomerFieldKind.STANDARD and not link.is_consent
    }
    options = [link.name for link in mapping.links if link.kind is CustomerFieldKind.OPTION]
    if options:
        values["options"] = _merged_options(connection, row["options"], options)
    return values


def _with_cleared(
    connection: Connection,
    values: dict[str, ColumnElement[Any]],
    mapping: ObjectMapping,
    source_object: ColumnElement[str],
) -> dict[str, ColumnElement[Any]]:
    """Return `values` with the fields cleared that `mapping` filled before; what Salesforce never filled stays."""
    filled = or_(customer.c.secondary_salesforce_id.is_not(None), customer.c.salesforce_object != source_object)
    cleared: dict[str, ColumnElement[Any]] = {"secondary_salesforce_id": null()}
    options = []
    for link in mapping.links:
        if link.kind is CustomerFieldKind.OPTION:
            options.append(link.name)
        else:
            cleared[link.name] = case((filled, None), else_=customer.c[link.name])
    if options:
        fewer = kept = values.get("options", customer.c.options)
        for start in range(0, len(options), _OPTIONS_AT_ONCE):
            some = options[start : start + _OPTIONS_AT_ONCE]
            if connection.dialect.name == "postgresql":
                fewer = fewer.op("-")(cast(some, ARRAY(Text)))
            else:
                fewer = func.json_remove(fewer, *(f'$."{name}"' for name in some))
        cleared["options"] = type_coerce(case((filled, fewer), else_=kept), JSON_OBJECT)
    return cleared


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
        name: customer.c[name].is_distinct_from(value) for name, value in values.items() if name not in MAIL_STATUS
    }
    if "options" in changes:
        # Most customers have only linked options; then comparing them whole is enough.
        changes["options"] = and_(customer.c.options.is_distinct_from(row["options"]), changes["options"])
    return or_(*changes.values())
