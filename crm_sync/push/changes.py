"""The values that a push sends of each customer: those that differ from Salesforce's, and that it may overwrite."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crm_sync.columns.json_objects import sparse_json_objects, text_literals
from crm_sync.mapping.model import FieldLink
from crm_sync.push.settings import PushSettings
from crm_sync.push.values import comparable, comparable_known, to_salesforce
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.salesforce.write.records import CLEAR

_MISSING = pa.scalar(None, pa.large_string())


@dataclass(frozen=True)
class Changes:
    """The changes of each customer; all parts have one index.

    `values`: a text column per Salesforce field, missing where it is not sent, CLEAR where it is cleared.
    `confirmed_values`: the same for values that Salesforce has already, though a pull has not brought them yet.
    `code`, `message`: of customers with a value that cannot be sent, missing for the others. `conflicts`: a boolean
    column per Salesforce field that was kept as Salesforce has it.
    """

    values: pd.DataFrame
    confirmed_values: pd.DataFrame
    code: pd.Series
    message: pd.Series
    conflicts: pd.DataFrame

    @property
    def to_send(self) -> pd.Series:
        """The customers whose record is to be written."""
        return self.values.notna().any(axis=1) & self.code.isna()


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
    values, confirmed_values, conflicts = (pd.DataFrame(index=index) for _ in range(3))
    code = message = pd.Series(None, index=index, dtype="str")
    for link in links:
        name = link.salesforce_field
        field = _described(fields, name)
        own = people[link.column]
        one = _compare(own, known[name], link, field, settings, there=_column(current_values, name))
        if pre_merge_values is not None:
            one = one.only(_changed_since(own, pre_merge_values[name], link, field))
        content, misfit = to_salesforce(own, link, field)
        # Of several refusals the first counts, as with Salesforce.
        refused = one.send & misfit & code.isna()
        code, message = (
            texts.mask(refused, text) for texts, text in zip((code, message), _why_not(field), strict=True)
        )
        values[name] = content.where(one.send)
        confirmed_values[name] = _there(current_values, name, index).fillna(CLEAR).where(one.is_there_already)
        conflicts[name] = one.conflict
    return Changes(values, confirmed_values, code, message, conflicts)


@dataclass(frozen=True)
class _Compared:
    send: pd.Series
    conflict: pd.Series
    is_there_already: pd.Series

    def only(self, where: pd.Series) -> "_Compared":
        return _Compared(self.send & where, self.conflict & where, self.is_there_already & where)


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
        return _Compared(send, nothing, nothing)
    now, unreadable_now = comparable_known(there, link, field.type)
    changed_there = (_differ(now, before.reindex(now.index)) | unreadable_now).reindex(own.index, fill_value=False)
    differs_now = _differ(here.reindex(now.index), now).reindex(own.index, fill_value=False)
    same_now = changed_there & ~differs_now
    conflict = changed_here & changed_there & differs_now & (not settings.customer_wins)
    yields = changed_there & differs_now & (not settings.customer_wins)
    return _Compared(send & ~yields & ~same_now, conflict, changed_here & same_now)


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
    """Return Salesforce's code and message for a value that cannot be written down as the field's type.

    One such value, or one field that is not there, would make Salesforce refuse its whole collection.
    """
    if field.type:
        return "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field.name}: value not of required type"
    return "INVALID_FIELD", f"No such column '{field.name}'"


def _column(frame: pd.DataFrame | None, name: str) -> pd.Series | None:
    return None if frame is None else frame[name]


def _there(frame: pd.DataFrame | None, name: str, index: pd.Index) -> pd.Series:
    if frame is None:
        return pd.Series(None, index=index, dtype="str")
    return frame[name].reindex(index)


def as_field_values(values: pd.DataFrame) -> pd.Series:
    """Return, as JSON object text, the fields of each row as the mirror keeps them; missing ones are left out."""
    members = {}
    for name, column in values.items():
        literals = pc.if_else(pa.array(column.eq(CLEAR).to_numpy()), "null", text_literals(column))
        members[str(name)] = pc.if_else(pa.array(column.notna().to_numpy()), literals, _MISSING)
    return sparse_json_objects(members, index=values.index)
