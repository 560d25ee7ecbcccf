"""Which record a customer's push goes to: a converted lead's to its contact, a merge loser's to its master."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from crm_sync.salesforce.schema.record_ids import full_ids
from crm_sync.sobject import SObject

# Salesforce merges and converts one by one; longer chains are not followed.
_HOPS = 5
_PREFIXES = {sobject.id_prefix: sobject for sobject in SObject}
_ID = r"[A-Za-z0-9]{18}"

READ_COLUMNS = ("id", "sobject", "is_deleted", "is_converted", "converted_contact_id", "master_record_id")
ReadRecords = Callable[[pd.Series], pd.DataFrame]


@dataclass(frozen=True)
class Targets:
    """Where each push goes: `people` with `record_id` and `sobject` of the record and, where there is none, `code` and
    `message` in Salesforce's words; `records` are the mirror's rows, by Id."""

    people: pd.DataFrame
    records: pd.DataFrame


def find_targets(people: pd.DataFrame, read: ReadRecords, sobject: SObject, *, follow_converted: bool) -> Targets:
    """Follow each customer's own record to the one that stands for it now.

    `people`: `own_id` (text, may be missing), `is_joined` (boolean, joined to another customer), `modified_at`.
    `read` returns the mirror's rows of Ids, with READ_COLUMNS at least.
    """
    people = people.assign(own_id=full_ids(people["own_id"]))
    current = people["own_id"].where(people["own_id"].str.fullmatch(_ID, na=False))
    records = read(current.dropna().drop_duplicates()).set_index("id", drop=False)
    for _ in range(_HOPS):
        following = _next(_rows_of(current, records), follow_converted=follow_converted)
        if following.isna().all():
            break
        current = following.fillna(current)
        new = current[~current.isin(records.index)].dropna().drop_duplicates()
        if len(new):
            records = pd.concat([records, read(new).set_index("id", drop=False)])
    found = _rows_of(current, records)
    kind = found["sobject"].fillna(current.str.slice(0, 3).map(_PREFIXES).astype("str"))
    people = people.assign(record_id=current, sobject=kind)
    code, message = _problems(people, found, sobject, follow_converted=follow_converted)
    people = people.assign(code=code, message=message)
    return Targets(_one_each(people), records)


def _next(found: pd.DataFrame, *, follow_converted: bool) -> pd.Series:
    gone = found["is_deleted"].eq(True)
    following = found["master_record_id"].where(gone)
    if follow_converted:
        following = following.fillna(found["converted_contact_id"].where(found["is_converted"].eq(True)))
    return following.astype("str")


def _problems(
    people: pd.DataFrame, found: pd.DataFrame, sobject: SObject, *, follow_converted: bool
) -> tuple[pd.Series, pd.Series]:
    is_contact = people["sobject"].eq(SObject.CONTACT)
    as_contact = sobject is SObject.LEAD and is_contact
    rules = (
        # Its record speaks for the other customer; only what led to a master is its own.
        (
            people["is_joined"] & people["own_id"].eq(people["record_id"]),
            "ENTITY_IS_DELETED",
            "this customer was joined to another one, which stands for it now",
        ),
        (people["own_id"].isna(), "MISSING_ARGUMENT", "Id not specified in an update call"),
        (people["record_id"].isna(), "MALFORMED_ID", f"{sobject} ID: id value of incorrect type"),
        (found["is_deleted"].eq(True), "ENTITY_IS_DELETED", "entity is deleted"),
        (found["is_converted"].eq(True), "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"),
        (as_contact & (not follow_converted), "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"),
        (people["sobject"].ne(sobject) & ~as_contact, "MALFORMED_ID", f"{sobject} ID: id value of incorrect type"),
    )
    code = pd.Series(None, index=people.index, dtype="str")
    message = code.copy()
    for where, its_code, its_message in rules:
        new = where & code.isna()
        code, message = code.mask(new, its_code), message.mask(new, its_message)
    return code, message


def _one_each(people: pd.DataFrame) -> pd.DataFrame:
    """Let one customer write a record: the one whose own record it is, then the one that was changed last."""
    able = people[people["code"].isna()]
    if not able["record_id"].duplicated().any():
        return people
    is_own = able["own_id"].eq(able["record_id"])
    order = able.assign(is_own=is_own).sort_values(["is_own", "modified_at"], ascending=False, kind="stable")
    twice = order.index[order["record_id"].duplicated()]
    code, message = people["code"].copy(), people["message"].copy()
    code.loc[twice] = "DUPLICATE_VALUE"
    message.loc[twice] = "Duplicate id specified: another customer of this push writes the same record"
    return people.assign(code=code, message=message)


def _rows_of(ids: pd.Series, records: pd.DataFrame) -> pd.DataFrame:
    return records[list(READ_COLUMNS)].reindex(ids).set_axis(ids.index)
