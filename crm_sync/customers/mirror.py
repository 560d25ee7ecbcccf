"""The mirror of Salesforce's records: how a staged batch compares with it, and is written into it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Table,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
)

from crm_sync.columns.json_objects import text_fields
from crm_sync.columns.membership import among
from crm_sync.consent.readings_store import read_until
from crm_sync.database.confirmed_values import is_own_write
from crm_sync.database.dialects import insert_for, insert_from, write_and_count
from crm_sync.database.frames import frame_of, records_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import JSON_OBJECT, customer, rejected_record, salesforce_record
from crm_sync.mapping.transform import RECORD_COLUMNS
from crm_sync.sobject import SObject

_ID_LENGTH = 18


@dataclass(frozen=True)
class MirrorMatch:
    """What the mirror holds of a batch.

    `stale` and `same`: Ids of records that bring nothing new. `rekeyed`: `id` and `old_key` of records whose unique key
    was another one before. `edited_at`: by Id, when somebody else last edited a record that this product wrote since.
    `has_matches`: whether the mirror holds any record of the batch.
    """

    stale: pd.Series
    same: pd.Series
    rekeyed: pd.DataFrame
    edited_at: pd.Series
    has_matches: bool


def stage_records(connection: Connection, records: pd.DataFrame) -> Table:
    """Stage mapped records: RECORD_COLUMNS and `reject_reason`."""
    return stage(
        connection,
        "staged_record",
        records[[*RECORD_COLUMNS, "reject_reason"]],
        {"field_values": JSON_OBJECT, "address_hash": salesforce_record.c.address_hash.type},
    )


def match_mirror(connection: Connection, staged: Table, records: pd.Series, *, only_changed: bool) -> MirrorMatch:
    """Compare the staged records, whose Ids are `records`, with the mirror.

    A record brings nothing new when the mirror holds a newer version; with `only_changed` also when it holds the
    very same one.
    """
    is_stale = read_until() > staged.c.system_modstamp
    is_rekeyed = and_(
        salesforce_record.c.unique_key.is_not(None),
        salesforce_record.c.unique_key.is_distinct_from(staged.c.unique_key),
    )
    edited_at = edited_before(connection, dict(staged.c.items()))
    is_known = salesforce_record.c.id == staged.c.id
    known = select(staged.c.id, salesforce_record.c.unique_key, is_stale, is_rekeyed, edited_at).join_from(
        staged, salesforce_record, is_known
    )
    has_matches = _may_hold(connection, staged) and bool(connection.scalar(select(known.exists())))
    news = known.where(or_(is_stale, is_rekeyed, edited_at.is_not(None)))
    rows = connection.execute(news).all() if has_matches else []
    found = frame_of(rows, ["id", "old_key", "is_stale", "is_rekeyed", "edited_at"])
    ids, old_keys, stale = found["id"].astype("str"), found["old_key"].astype("str"), found["is_stale"].astype("bool")
    same = records[~among(records, _news(connection, staged))] if has_matches and only_changed else ids[:0]
    rekeyed = pd.DataFrame({"id": ids, "old_key": old_keys})[~stale & found["is_rekeyed"].eq(True)]
    edited = pd.to_datetime(found["edited_at"], utc=True).set_axis(ids).dropna()
    return MirrorMatch(ids[stale], same, rekeyed, edited, has_matches)


def _may_hold(connection: Connection, staged: Table) -> bool:
    """Tell by one look whether the mirror can hold any staged record: a first sync comes in the order of its Ids."""
    lowest, highest = (select(end(staged.c.id)).scalar_subquery() for end in (func.min, func.max))
    record = salesforce_record.c.id
    # In order: without statistics PostgreSQL would read the whole mirror for any one of them.
    first = select(record).where(record >= lowest).order_by(record).limit(1).scalar_subquery()
    return bool(connection.scalar(select(first <= highest)))


def _news(connection: Connection, staged: Table) -> pd.Series:
    """Return the Ids of the staged records that the mirror does not hold just so; of a repeat these are few."""
    new: dict[str, ColumnElement[Any]] = {name: staged.c[name] for name in RECORD_COLUMNS}
    new["address_hash"] = _last_address(staged, salesforce_record)
    differs = (salesforce_record.c[name].is_distinct_from(value) for name, value in new.items())
    mirrored = salesforce_record.c.id == staged.c.id
    query = select(staged.c.id).join_from(staged, salesforce_record, mirrored, isouter=True).where(or_(*differs))
    return pd.Series(connection.scalars(query).all(), dtype="str")


def edited_before(connection: Connection, read: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    """Return when somebody else last edited a record; empty unless the version that was read is our own write."""
    known = salesforce_record.c
    is_the_same_version = read["system_modstamp"] == known.system_modstamp
    before = func.coalesce(known.edited_at, known.system_modstamp)
    return case((is_the_same_version, known.edited_at), (is_own_write(connection, read), before), else_=null())


def read_records(connection: Connection, ids: pd.Series) -> pd.DataFrame:
    """Return the mirror's rows with these Ids: RECORD_COLUMNS, `field_values` and `address_hash` as text."""
    return records_of(connection, salesforce_record, ids)


def holds_any(connection: Connection, sobject: SObject) -> bool:
    """Return whether any record of the object was ever stored."""
    first = sobject.id_prefix
    # A condition on `sobject` would read the whole table.
    of_object = salesforce_record.c.id.between(first, _highest_id(first))
    return bool(connection.scalar(select(exists(select(salesforce_record.c.id).where(of_object)))))


def _highest_id(like: str) -> str:
    # All Ids of an object begin alike, and no character of an Id comes after `z`.
    return like[:3].ljust(_ID_LENGTH, "z")


def to_records(rows: pd.DataFrame, fields: list[str]) -> pd.DataFrame:
    """Return mirror rows (RECORD_COLUMNS) as the records that were read from Salesforce: text columns.

    `fields`: the mapped fields; one that was not mapped when the record was read is missing.
    """
    records = text_fields(rows["field_values"], fields)
    own = rows.reset_index(drop=True)
    records["Id"] = own["id"].astype("str")
    records["SystemModstamp"] = own["system_modstamp"].map(datetime.isoformat).astype("str")
    records["MasterRecordId"] = own["master_record_id"].astype("str")
    records["ConvertedContactId"] = own["converted_contact_id"].astype("str")
    records["IsDeleted"] = own["is_deleted"].astype("bool").map({True: "true", False: "false"}).astype("str")
    records["IsConverted"] = own["is_converted"].astype("bool").map({True: "true", False: "false"}).astype("str")
    return records


def upsert_records(connection: Connection, staged: Table, now: datetime, *, has_matches: bool) -> int:
    """Write the staged records into the mirror, each linked to its customer; returns how many rows changed.

    `has_matches`: whether the mirror held any of them before.
    """
    names = [*RECORD_COLUMNS]
    row: dict[str, ColumnElement[Any]] = {name: staged.c[name] for name in names} | {"customer_id": customer.c.id}
    mirrored = salesforce_record.alias("mirrored")
    if has_matches:
        row["address_hash"] = _last_address(staged, mirrored)
    read_at = literal(now, salesforce_record.c.read_at.type)
    columns = [*(value.label(name) for name, value in row.items()), read_at.label("read_at")]
    source = select(*columns).join_from(staged, customer, customer.c.unique_key == staged.c.unique_key, isouter=True)
    if not has_matches:
        return write_and_count(connection, insert(salesforce_record).from_select([*row, "read_at"], source))
    # Unchanged rows are left out before the conflict: PostgreSQL locks a row at its conflict, which is a write.
    source = source.join(mirrored, mirrored.c.id == staged.c.id, isouter=True).where(_differs(mirrored, row))
    upsert = insert_for(connection, salesforce_record).from_select([*row, "read_at"], source)
    changes: dict[str, ColumnElement[Any]] = {name: upsert.excluded[name] for name in [*row, "read_at"] if name != "id"}
    changes |= {"edited_at": edited_before(connection, dict(upsert.excluded.items()))}
    changes |= {"pushed_at": null(), "consent_stamp": null()}
    return write_and_count(connection, upsert.on_conflict_do_update(index_elements=["id"], set_=changes))


def _last_address(staged: Table, known: FromClause) -> ColumnElement[int]:
    """The address of a record, or the one before it was cleared: the noes of its person go along to the next one."""
    return func.coalesce(staged.c.address_hash, known.c.address_hash)


def _differs(known: FromClause, new: dict[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    return or_(*(known.c[name].is_distinct_from(value) for name, value in new.items()))


def write_rejects(connection: Connection, staged: Table, sync_run_id: int, now: datetime, *, has_matches: bool) -> None:
    """Store the rejects among the staged records, and drop those of which a usable version came.

    `has_matches`: whether the mirror held any of them before; otherwise none can be dropped.
    """
    row: dict[str, ColumnElement[Any]] = {
        **{name: staged.c[name] for name in ("id", "sobject", "system_modstamp")},
        "reason": staged.c.reject_reason,
        "sync_run_id": literal(sync_run_id, rejected_record.c.sync_run_id.type),
        "rejected_at": literal(now, rejected_record.c.rejected_at.type),
    }
    upsert = insert_from(connection, rejected_record, row, staged.c.reject_reason.is_not(None))
    changes = {name: upsert.excluded[name] for name in row if name != "id"}
    connection.execute(upsert.on_conflict_do_update(index_elements=["id"], set_=changes))
    if has_matches:
        rejected = rejected_record.alias("rejected")
        good = select(rejected.c.id).join_from(staged, rejected, rejected.c.id == staged.c.id)
        good = good.where(staged.c.reject_reason.is_(None))
        connection.execute(delete(rejected_record).where(rejected_record.c.id.in_(good)))
