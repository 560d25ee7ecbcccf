"""The record that each customer of a push is written to, or Salesforce's refusal where there is none."""

import pandas as pd
from sqlalchemy import Connection

from crm_sync.customers.current_record import find_current_records
from crm_sync.salesforce.record_ids import full_ids
from crm_sync.sobject import SObject

_PREFIXES = {sobject.id_prefix: sobject for sobject in SObject}
_ID = r"[A-Za-z0-9]{18}"


def find_targets(
    connection: Connection, people: pd.DataFrame, sobject: SObject, *, follow_converted: bool
) -> pd.DataFrame:
    """Return the customers with `record_id` and `sobject` of the record that stands for each one's own record now.

    Where none can be written, `code` and `message` say why in Salesforce's words. `people`: `own_id` (text, may be
    missing), `is_joined` (boolean, merged into another customer), `modified_at`.
    """
    people = people.assign(own_id=full_ids(people["own_id"]))
    own = people["own_id"].where(people["own_id"].str.fullmatch(_ID, na=False))
    found = find_current_records(connection, own.dropna().drop_duplicates(), follow_converted=follow_converted)
    found = found.reindex(own).set_axis(people.index)
    record_id = found["record_id"].astype("str")
    people = people.assign(record_id=record_id, sobject=record_id.str.slice(0, 3).map(_PREFIXES).astype("str"))
    code, message = _refusals(people, found, sobject, follow_converted=follow_converted)
    return _one_each(people.assign(code=code, message=message))


def _refusals(
    people: pd.DataFrame, found: pd.DataFrame, sobject: SObject, *, follow_converted: bool
) -> tuple[pd.Series, pd.Series]:
    is_contact = people["sobject"].eq(SObject.CONTACT)
    as_contact = sobject is SObject.LEAD and is_contact
    rules = (
        # Its own record is the other customer's source; only a merged record's master is written for it.
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
