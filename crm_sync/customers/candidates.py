"""Candidates: the mirror's other records with the unique keys of a batch, which may be its customers' survivors."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, false, func, select, update

from crm_sync.columns.membership import among
from crm_sync.customers.mirror import read_records, to_records
from crm_sync.customers.record_group import RecordGroup
from crm_sync.customers.survivors import Survivors
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
    "is_source": "bool",
    "has_secondary": "bool",
}


def read_candidates(
    connection: Connection, staged: Table, rekeyed: pd.DataFrame, *, except_ids: pd.Series
) -> pd.DataFrame:
    """Return the mirror's other records of every key that the staged records have, or had (`rekeyed`).

    Columns: those of `choose_survivors`; `master_record_id`; `customer_id`, missing for a record that came while its
    key had no customer; `is_source`, whether it is its customer's source record; `has_secondary`, whether the customer
    has a secondary record.
    """
    same_key = and_(salesforce_record.c.unique_key == staged.c.unique_key, salesforce_record.c.id != staged.c.id)
    rows = [*connection.execute(_candidates(staged, same_key))]
    if len(rekeyed):
        left = stage(connection, "staged_old_key", rekeyed[["old_key"]])
        rows += connection.execute(_candidates(left, salesforce_record.c.unique_key == left.c.old_key))
    found = frame_of(rows, _TYPES).astype(_TYPES).drop_duplicates("id")
    return found[~among(found["id"], except_ids)]


def _candidates(of: Table, condition: ColumnElement[bool]) -> Select[Any]:
    record = salesforce_record.c
    is_source: ColumnElement[Any] = and_(
        customer.c.salesforce_id == record.id,
        customer.c.unique_key == record.unique_key,
        customer.c.merged_into_customer_id.is_(None),
        customer.c.deleted_in_salesforce_at.is_(None),
    )
    columns: dict[str, ColumnElement[Any]] = dict(record.items())
    # What this product wrote makes no record the newer one.
    columns["system_modstamp"] = func.coalesce(record.edited_at, record.system_modstamp)
    columns["reject_reason"] = rejected_record.c.reason
    columns["is_source"] = func.coalesce(is_source, false())
    columns["has_secondary"] = customer.c.secondary_salesforce_id.is_not(None)
    return (
        select(*(columns[name].label(name) for name in _TYPES))
        .join_from(of, salesforce_record, condition)
        .join(customer, customer.c.id == record.customer_id, isouter=True)
        .join(rejected_record, rejected_record.c.id == record.id, isouter=True)
    )


def already_applied(known: pd.DataFrame, survivors: Survivors) -> pd.Series:
    """Return the records whose values their customer already has: a primary that was the source before.

    Not where the customer lost its secondary record: then the primary's values are applied again.
    """
    has_secondary = among(known["unique_key"], known.loc[survivors.secondary, "unique_key"])
    return survivors.primary & known["is_source"] & (has_secondary | ~known["has_secondary"])


def map_candidates(
    connection: Connection, ids: pd.Series, rules: MappingRules, types: Mapping[SObject, Mapping[str, str]]
) -> list[RecordGroup]:
    """Map the mirror's records with these Ids as if they had just been read."""
    if ids.empty:
        return []
    parts = []
    for name, group in read_records(connection, ids).groupby("sobject"):
        sobject = SObject(str(name))
        mapping = rules.of(sobject)
        mapped = map_records(to_records(group, mapping.salesforce_fields), sobject, mapping, types[sobject])
        # Until it is read again a record keeps the key that it was read with, whichever field is unique by now.
        keys, addresses = group["unique_key"].astype("str"), group["address_hash"].astype("str").astype("Int64")
        mapped = mapped.assign(unique_key=keys.to_numpy(), address_hash=addresses.array)
        parts.append(RecordGroup.of(sobject, mapped, in_batch=False))
    return parts


def link_candidates(connection: Connection, candidates: pd.DataFrame) -> None:
    """Link records of the mirror (`id`) to the customers that their keys have by now.

    A record that came while its key had no customer (it was rejected or deleted) is linked to none.
    """
    if candidates.empty:
        return
    unlinked = stage(connection, "staged_candidate", candidates[["id"]])
    connection.execute(
        update(salesforce_record)
        .values(customer_id=customer.c.id)
        .where(
            salesforce_record.c.id == unlinked.c.id,
            customer.c.unique_key == salesforce_record.c.unique_key,
            salesforce_record.c.customer_id.is_distinct_from(customer.c.id),
        )
    )
