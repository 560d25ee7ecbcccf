"""The values that a push sends of each customer: those that differ from Salesforce's, and that it may overwrite."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crm_sync.columns.json_objects import sparse_json_objects, text_literals
from crm_sync.mapping.model import FieldLink
from crm_sync.push.settings import PushSettings
from crm_sync.push.values import comparable, comparable_known, to_salesforce
from crm_sync.push.wholes import find_wholes
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.salesforce.write.records import CLEAR

_MISSING = pa.scalar(None, pa.large_string())


@dataclass(frozen=True)
class Changes:
    """The changes of each customer; all parts have one index.

    `values`: a text column per Salesforce field, missing where it is not sent, CLEAR where it is cleared.
    `confirmed_values`: the same for values that Salesforce has already, though a pull has not brought them yet.
    `code`, `message`: of customers with a value that cannot be sent, missing for the others. Boolean columns per
    Salesforce field: `conflicts`, kept as Salesforce has it, and `left_out`, cannot be sent; the rest is.
    """

    values: pd.DataFrame
    confirmed_values: pd.DataFrame
    code: pd.Series
    message: pd.Series
    conflicts: pd.DataFrame
    left_out: pd.DataFrame

    @property
    def to_send(self) -> pd.Series:
        """The customers whose record is to be written."""
        return self.values.notna().any(axis=1)


def find_changes(
    people: pd.DataFrame,
    known: pd.DataFrame,
    links: list[FieldLink],
    fields: Mapping[str, FieldDescription],
    settings: PushSettings,
    *,
    current_values: pd.DataFrame | None = None,
    pre_merge_values: pd.DataFrame | None = None,
) -> Changes:
    """Return what to send to one sObject.

    `people`: a text column per customer field (`FieldLink.column`). `known`, with the same index: a text column per
    Salesforce field as a pull last brought it. `current_values`: the same for the records that Salesforce has changed
    since, by the same index; a field that changed there is left as it is unless the customer wins.
    `pre_merge_values`: for customers whose own record was merged into another one, its values; only what differs from
    them is sent.
    """
    index = people.index
    compared: dict[str, _Compared] = {}
    for link in links:
        name = link.salesforce_field
        field, own = _described(fields, name), people[link.column]
        one = _compare(own, known[name], link, field, settings, there=_column(current_values, name))
        if pre_merge_values is not None:
            one = one.only(_changed_since(own, pre_merge_values[name], link, field))
        compared[name] = one
    wholes = find_wholes(links, {name: field.type for name, field in fields.items() if field.updateable})
    for names in wholes:
        compared |= _as_one(compared, names, is_asked=current_values is not None, customer_wins=settings.customer_wins)
    parts: dict[str, dict[str, pd.Series]] = {"values": {}, "confirmed_values": {}, "left_out": {}}
    code = message = pd.Series(None, index=index, dtype="str")
    for link in links:
        name = link.salesforce_field
        field, one = _described(fields, name), compared[name]
        content, misfit = to_salesforce(people[link.column], link, field)
        parts["left_out"][name] = one.send & (misfit | (not field.updateable))
        # Of several refusals the first counts, as with Salesforce.
        refused = parts["left_out"][name] & code.isna()
        code, message = (
            texts.mask(refused, text) for texts, text in zip((code, message), _why_not(field), strict=True)
        )
        parts["values"][name] = content.where(one.send)
        parts["confirmed_values"][name] = _there(current_values, name, index).fillna(CLEAR).where(one.is_there_already)
    values, confirmed_values, left_out = (pd.DataFrame(columns, index=index) for columns in parts.values())
    left_out = with_the_whole(left_out, wholes) & values.notna()
    conflicts = pd.DataFrame({name: one.conflict for name, one in compared.items()}, index=index)
    return Changes(values.mask(left_out), confirmed_values, code, message, conflicts, left_out)


def with_the_whole(chosen: pd.DataFrame, wholes: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Return boolean columns by field with every part of a whole true where one of them is."""
    for names in wholes:
        among = [name for name in names if name in chosen]
        chosen = chosen.assign(**dict.fromkeys(among, chosen[among].any(axis=1)))
    return chosen


def _as_one(
    compared: Mapping[str, "_Compared"], names: Sequence[str], *, is_asked: bool, customer_wins: bool
) -> dict[str, "_Compared"]:
    """Return the parts of a whole with one answer: Salesforce's newer value stays in all of them or in none.

    When Salesforce was not asked, its other parts may be newer than we know, so that the customer's whole is sent.
    """
    parts = [compared[name] for name in names]
    sends = pd.concat([one.send | one.conflict for one in parts], axis=1).any(axis=1)
    if not is_asked or customer_wins:
        return {name: replace(one, send=sends) for name, one in zip(names, parts, strict=True)}
    yields = sends & pd.concat([one.is_newer_there for one in parts], axis=1).any(axis=1)
    return {
        name: replace(one, send=one.send & ~yields, conflict=one.conflict | one.send & yields)
        for name, one in zip(names, parts, strict=True)
    }


@dataclass(frozen=True)
class _Compared:
    send: pd.Series
    conflict: pd.Series
    is_there_already: pd.Series
    is_newer_there: pd.Series

    def only(self, where: pd.Series) -> "_Compared":
        return _Compared(self.send & where, self.conflict & where, self.is_there_already & where, self.is_newer_there)


def _compare(
    own: pd.Series,
    known: pd.Series,
    link: FieldLink,
    field: FieldDescription,
    settings: PushSettings,
    *,
    there: pd.Series | None,
) -> _Compared:
    """Compare one field three ways: the customer, what a pull brought, and what Salesforce has now."""
    here = comparable(own, link, field.type)
    before, unreadable = comparable_known(known, link, field.type)
    changed_here = _differ(here, before) & ~unreadable
    send = changed_here | settings.always_send
    nothing = pd.Series(False, index=own.index)
    if there is None or there.empty:
        return _Compared(send, nothing, nothing, nothing)
    now, unreadable_now = comparable_known(there, link, field.type)
    changed_there = (_differ(now, before.reindex(now.index)) | unreadable_now).reindex(own.index, fill_value=False)
    differs_now = _differ(here.reindex(now.index), now).reindex(own.index, fill_value=False)
    same_now = changed_there & ~differs_now
    is_newer_there = changed_there & differs_now
    yields = is_newer_there & (not settings.customer_wins)
    return _Compared(
        send & ~yields & ~same_now, changed_here & yields, changed_here & same_now, is_newer_there=is_newer_there
    )


def _changed_since(own: pd.Series, before: pd.Series, link: FieldLink, field: FieldDescription) -> pd.Series:
    """Return where a customer differs from the values that its merged record held; true of all others."""
    here, held = comparable(own, link, field.type), comparable_known(before, link, field.type)[0]
    return _differ(here.loc[before.index], held).reindex(own.index, fill_value=True)


def _differ(one: pd.Series, other: pd.Series) -> pd.Series:
    return one.ne(other).fillna(True).astype("bool") & (one.notna() | other.notna())


def _described(fields: Mapping[str, FieldDescription], name: str) -> FieldDescription:
    """Return the field; one that Salesforce does not show has no type."""
    return fields.get(name) or FieldDescription(name, name, "")


def _why_not(field: FieldDescription) -> tuple[str, str]:
    """Return Salesforce's code and message for a value that a field does not take.

    One such value, or one field that is not there, would make Salesforce refuse its whole collection.
    """
    if not field.type:
        return "INVALID_FIELD", f"No such column '{field.name}'"
    if not field.updateable:
        return "INVALID_FIELD_FOR_INSERT_UPDATE", f"Unable to create/update fields: {field.name}"
    return "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field.name}: value not of required type"


def find_unlinked(
    people: pd.DataFrame, known: pd.DataFrame, links: Sequence[FieldLink], types: Mapping[str, str]
) -> pd.DataFrame:
    """Return, for links that the customer's record has no counterpart of, where the customer has a value to send.

    `known`: what the record that the links are of gave last, a text column per Salesforce field. Boolean columns by
    field.
    """
    found = {}
    for link in links:
        name = link.salesforce_field
        here = comparable(people[link.column], link, types.get(name, ""))
        found[name] = _differ(here, comparable_known(known[name], link, types.get(name, ""))[0])
    return pd.DataFrame(found, index=people.index)


def _column(frame: pd.DataFrame | None, name: str) -> pd.Series | None:
    return None if frame is None else frame.get(name)


def _there(frame: pd.DataFrame | None, name: str, index: pd.Index) -> pd.Series:
    if frame is None or name not in frame:
        return pd.Series(None, index=index, dtype="str")
    return frame[name].reindex(index)


def as_field_values(values: pd.DataFrame) -> pd.Series:
    """Return, as JSON object text, the fields of each row as the mirror keeps them; missing ones are left out."""
    members = {}
    for name, column in values.items():
        literals = pc.if_else(pa.array(column.eq(CLEAR).to_numpy()), "null", text_literals(column))
        members[str(name)] = pc.if_else(pa.array(column.notna().to_numpy()), literals, _MISSING)
    return sparse_json_objects(members, index=values.index)
