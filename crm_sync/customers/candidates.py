"""The mirror's other records of the keys that a batch has: who else may speak for its customers."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, false, func, select, update

from crm_sync.columns.membership import among
from crm_sync.customers.mirror import as_read, read_records
from crm_sync.customers.survivors import Survivors
from crm_sync.customers.upsert import Part
from crm_sync.database.frames import frame_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import customer, rejected_record, salesforce_record
from crm_sync.mapping.model import MappingRules
from crm_sync.mapping.transform import map_records
from crm_sync.sobject import SObject

_TYPES = {
    "sobject": "str",
    "id": "str",
    "unique_key": "str",
    "system_modstamp": "datetime64[us, UTC]",
    "is_deleted": "bool",
    "is_converted": "bool",
    "converted_contact_id": "str",
    "reject_reason": "str",
    "master_record_id": "str",
    "customer_id": "Int64",
    "speaks": "bool",
    "with_second": "bool",
}


def read_candidates(connection: Connection, staged: Table, moved: pd.DataFrame, *, but_not: pd.Series) -> pd.DataFrame:
    """Return the mirror's other records of every key that the staged records have, or had (`moved`).

    What `choose_survivors` looks at, and `master_record_id`; `customer_id`, which is missing for a record that came
    while its key had no customer; `speaks`, whether it speaks for its customer as things are, and `with_second`,
    whether the customer has a second voice.
    """
    same_key = and_(salesforce_record.c.unique_key == staged.c.unique_key, salesforce_record.c.id != staged.c.id)
    rows = [*connection.execute(_siblings(staged, same_key))]
    if len(moved):
        left = stage(connection, "staged_old_key", moved[["old_key"]])
        rows += connection.execute(_siblings(left, salesforce_record.c.unique_key == left.c.old_key))
    found = frame_of(rows, _TYPES).astype(_TYPES).drop_duplicates("id")
    return found[~among(found["id"], but_not)]


def _siblings(of: Table, condition: ColumnElement[bool]) -> Select[Any]:
    record = salesforce_record.c
    speaks: ColumnElement[Any] = and_(
        customer.c.salesforce_id == record.id,
        customer.c.unique_key == record.unique_key,
        customer.c.merged_into_customer_id.is_(None),
        customer.c.deleted_in_salesforce_at.is_(None),
    )
    columns: dict[str, ColumnElement[Any]] = dict(record.items())
    columns["reject_reason"] = rejected_record.c.reason
    columns["speaks"] = func.coalesce(speaks, false())
    columns["with_second"] = customer.c.secondary_salesforce_id.is_not(None)
    return (
        select(*(columns[name].label(name) for name in _TYPES))
        .join_from(of, salesforce_record, condition)
        .join(customer, customer.c.id == record.customer_id, isouter=True)
        .join(rejected_record, rejected_record.c.id == record.id, isouter=True)
    )


def already_applied(known: pd.DataFrame, voices: Survivors) -> pd.Series:
    """Say which of the known records have already said what they have to say to their customer.

    A sibling that speaks first and did so before; but where a second voice went away, it has to be heard again.
    """
    accompanied = among(known["unique_key"], known.loc[voices.second, "unique_key"])
    return voices.first & known["speaks"] & (accompanied | ~known["with_second"])


def map_candidates(
    connection: Connection, ids: pd.Series, rules: MappingRules, types: Mapping[SObject, Mapping[str, str]]
) -> list[Part]:
    """Map what the mirror holds under these Ids as if it had just been read."""
    if ids.empty:
        return []
    parts = []
    for name, group in read_records(connection, ids).groupby("sobject"):
        sobject = SObject(str(name))
        mapping = rules.of(sobject)
        mapped = map_records(as_read(group, mapping.salesforce_fields), sobject, mapping, types[sobject])
        # Until it is read again it speaks for the key that it had when it was read, whatever is unique by now.
        parts.append(Part(sobject, False, mapped.assign(unique_key=group["unique_key"].astype("str").to_numpy())))
    return parts


def link_candidates(connection: Connection, siblings: pd.DataFrame) -> None:
    """Link records of the mirror (`id`) to the customers that their keys have by now.

    A record that came while its key had no customer (it was rejected or deleted) is linked to none.
    """
    if siblings.empty:
        return
    unlinked = stage(connection, "staged_sibling", siblings[["id"]])
    connection.execute(
        update(salesforce_record)
        .values(customer_id=customer.c.id)
        .where(
            salesforce_record.c.id == unlinked.c.id,
            customer.c.unique_key == salesforce_record.c.unique_key,
            salesforce_record.c.customer_id.is_distinct_from(customer.c.id),
        )
    )
