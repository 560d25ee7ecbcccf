"""Salesforce wins field by field: a field that Salesforce did not change keeps the value that the customer has here.

"Changed" compares what the source record gives now with what the record that was the customer's source before gave
last, both from the mirror. Values that belong together, the parts of a name or of an address, amounts and
their currency, are one field in this.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import pandas as pd
from sqlalchemy import ColumnElement, Connection, FromClause, Text, and_, cast, func, or_, select

from crm_sync.columns.address_hash import AROUND_ADDRESSES
from crm_sync.columns.json_objects import json_objects, raw_literals
from crm_sync.columns.membership import among
from crm_sync.customers.mirror import read_records, to_records
from crm_sync.customers.record_group import RecordGroup
from crm_sync.database.dialects import json_member
from crm_sync.database.frames import frame_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import customer, rejected_record, salesforce_record
from crm_sync.mapping.amounts import wholes_of_amounts
from crm_sync.mapping.model import OPTION_COLUMN, CustomerFieldKind, FieldLink, MappingRules
from crm_sync.mapping.transform import ADDRESSES, customer_values
from crm_sync.sobject import SObject


class FieldRules(Protocol):
    """What decides about fields: the mapping, and Salesforce's field types."""

    @property
    def rules(self) -> MappingRules:
        """The mapping."""

    @property
    def types(self) -> Mapping[SObject, Mapping[str, str]]:
        """The described type of each mapped field."""


def keep_unchanged(
    connection: Connection,
    parts: list[RecordGroup],
    fields: FieldRules,
    had_source: pd.Series | None,
    *,
    source: str = "salesforce_id",
) -> tuple[list[RecordGroup], int]:
    """Return mapped records with the customers' own values in every field that Salesforce did not change.

    Also returns how many fields were changed on both sides; there Salesforce wins. `parts`: records that are their
    customers' sources now. `source`: the column of `customer` that names the record that was the source before. A
    customer without one takes all fields; for a secondary source that is new to its customer, what the record itself
    gave before counts. `had_source`: the unique keys of all customers that can have had a source; None: any.
    """
    kept, conflicts = [], 0
    for part in parts:
        known = part.records if had_source is None else part.records[among(part.records["unique_key"], had_source)]
        values, number = _own_values(connection, replace(part, records=known), fields, source)
        kept.append(part if values.empty else replace(part, records=_with_values(part, values, fields.rules)))
        conflicts += number
    return kept, conflicts


def _own_values(connection: Connection, part: RecordGroup, fields: FieldRules, source: str) -> tuple[pd.DataFrame, int]:
    """Return what known customers are to have, a text column per link, and the number of conflicts."""
    rules, types = fields.rules, fields.types
    nothing = pd.DataFrame()
    if part.records.empty:
        return nothing, 0
    links = [link for link in rules.of(part.sobject).links if not link.is_consent]
    here = _read_edited(connection, part, links, source)
    if here.empty:
        return nothing, 0
    given = _given_before(connection, here["source_id"], rules, types)
    here = here[here["source_id"].isin(given.index)].set_index("unique_key")
    rows = part.records[part.records["unique_key"].isin(here.index)]
    if rows.empty:
        return nothing, 0
    names = [link.column for link in links]
    read = rows.assign(field_values=part.field_values.loc[rows.index])
    now = _given(read, part.sobject, rules, types).set_axis(rows.index)[names]
    own = here.reindex(rows["unique_key"]).set_axis(rows.index)
    was = given.reindex(own["source_id"]).set_axis(rows.index).reindex(columns=names).astype("str")
    changed = _changed(now, was, links, types[part.sobject])
    conflicts = changed & _differ(own[names], was) & _differ(own[names], now)
    return now.where(changed, own[names]), int(conflicts.to_numpy().sum())


def _read_edited(connection: Connection, part: RecordGroup, links: list[FieldLink], source: str) -> pd.DataFrame:
    """Return `unique_key`, `source_id` and the linked fields as text of the customers with the records' keys.

    Without those that have word by word what a source of the same sObject gave: nobody changed them here. And without
    those whose source was deleted, rejected or left for another key since: what changed with that was never given.
    """
    staged = stage(connection, "staged_key", part.records[["unique_key", "id"]])
    before: ColumnElement[Any] = customer.c[source]
    if source != "salesforce_id":
        before = func.coalesce(before, staged.c.id)
    standard = [link.name for link in links if link.kind is CustomerFieldKind.STANDARD]
    person = (
        select(*(customer.c[name] for name in ("unique_key", "options", *standard)), before.label("source_id"))
        .join(staged, staged.c.unique_key == customer.c.unique_key)
        .where(before.is_not(None))
        # On PostgreSQL somebody's SQL may change them until they are written.
        .with_for_update(of=customer)
        .cte("person")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    values = salesforce_record.c.field_values
    given = ((link, _given_text(connection, values, link)) for link in links)
    differs = (_own(connection, person, link).is_distinct_from(value) for link, value in given)
    is_source = and_(
        salesforce_record.c.id == person.c.source_id, salesforce_record.c.unique_key == person.c.unique_key
    )
    rejected = select(rejected_record.c.id).where(rejected_record.c.id == salesforce_record.c.id)
    query = (
        select(person.c.unique_key, person.c.source_id, *(_as_text(connection, person, link) for link in links))
        .join_from(person, salesforce_record, is_source)
        .where(~salesforce_record.c.is_deleted, ~rejected.exists())
        .where(or_(salesforce_record.c.sobject != str(part.sobject), *differs))
    )
    names = ["unique_key", "source_id", *(link.column for link in links)]
    found = frame_of(connection.execute(query), names, dtype="object").astype("str")
    return _without_json_null(found)


def _as_text(connection: Connection, person: FromClause, link: FieldLink) -> ColumnElement[Any]:
    """Return a linked customer field as `customer_values` has it."""
    if link.kind is CustomerFieldKind.STANDARD:
        return cast(person.c[link.name], Text)
    return json_member(connection, person.c.options, link.name)


def _own(connection: Connection, person: FromClause, link: FieldLink) -> ColumnElement[Any]:
    """Return a linked customer field as the plain text that Salesforce would give."""
    if link.kind is CustomerFieldKind.STANDARD:
        return cast(person.c[link.name], Text)
    return json_member(connection, person.c.options, link.name, "->>")


def _given_text(connection: Connection, values: ColumnElement[Any], link: FieldLink) -> ColumnElement[Any]:
    """Return what a record gave for a link, of an e-mail address without what stands around it."""
    text = json_member(connection, values, link.salesforce_field, "->>")
    if link.kind is CustomerFieldKind.STANDARD and link.name in ADDRESSES:
        trim = func.btrim if connection.dialect.name == "postgresql" else func.trim
        text = func.nullif(trim(text, AROUND_ADDRESSES), "")
    return text


def _given_before(
    connection: Connection, ids: pd.Series, rules: MappingRules, types: Mapping[SObject, Mapping[str, str]]
) -> pd.DataFrame:
    """Return what the source records of customers gave, by Id: a text column for each customer field."""
    frames = [pd.DataFrame()]
    for name, group in read_records(connection, ids.drop_duplicates()).groupby("sobject"):
        if (sobject := SObject(str(name))) in rules.mapped:
            frames.append(_given(group, sobject, rules, types).set_axis(group["id"].to_numpy()))
    return pd.concat(frames)


def _given(
    rows: pd.DataFrame, sobject: SObject, rules: MappingRules, types: Mapping[SObject, Mapping[str, str]]
) -> pd.DataFrame:
    """Return the customer values of mirror rows (RECORD_COLUMNS), all as text."""
    mapping = rules.of(sobject)
    values = customer_values(to_records(rows, mapping.salesforce_fields), mapping, types[sobject]).astype("str")
    return _without_json_null(values)


def _without_json_null(values: pd.DataFrame) -> pd.DataFrame:
    """Return the values with JSON's null of option fields as missing; in a standard field, null is a name."""
    options = [name for name in values.columns if name.startswith(f"{OPTION_COLUMN} ")]
    return values.assign(**{name: values[name].mask(values[name] == "null") for name in options})


def _changed(now: pd.DataFrame, was: pd.DataFrame, links: list[FieldLink], types: Mapping[str, str]) -> pd.DataFrame:
    """Return where Salesforce gives something else than before; of what belongs together, everywhere or nowhere."""
    changed = _differ(now, was)
    amounts, groups = wholes_of_amounts(links, types), dict[str, list[str]]()
    for link in links:
        groups.setdefault(amounts.get(link.salesforce_field, link.group), []).append(link.column)
    for together in groups.values():
        if len(together) > 1:
            any_changed = changed[together].any(axis=1)
            changed[together] = pd.concat([any_changed] * len(together), axis=1).to_numpy()
    return changed


def _differ(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    return one.fillna("").ne(other.fillna(""))


def _with_values(part: RecordGroup, values: pd.DataFrame, rules: MappingRules) -> pd.DataFrame:
    """Return the mapped records with these values in the rows that `values` has."""
    links = [link for link in rules.of(part.sobject).links if link.column in values]
    options = {link.name: raw_literals(values[link.column]) for link in links if link.kind is CustomerFieldKind.OPTION}
    new = {link.name: values[link.column] for link in links if link.kind is CustomerFieldKind.STANDARD}
    if options:
        new["options"] = json_objects(options, index=values.index)
    is_kept = part.records.index.isin(values.index)
    # One after the other: putting each column together anew in its old order costs as much as mapping it.
    return pd.concat([part.records[~is_kept], part.records.loc[values.index].assign(**new)])
