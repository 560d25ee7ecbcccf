"""Key changes: what becomes of a customer whose record got another unique key, or was deleted.

The customer follows its record: it is renamed when no other record has the old key and the new one is free, otherwise
merged into the customer that has the new key, and no longer mailed. A customer without a record is marked, never
deleted; when its record was merged in Salesforce, it is merged into the customer of the master as well.
"""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, Table, exists, func, select, tuple_, update

from crm_sync.columns.membership import among
from crm_sync.customers.mail_status_store import mail_status_if, not_mailed
from crm_sync.customers.survivors import Survivors, in_order
from crm_sync.database.frames import frame_of, in_parts
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.mapping.model import Precedence


@dataclass(frozen=True)
class KeyChanges:
    """`followed`: `old_key` (each once), `new_key` and `is_first`, true for the first claim on the new key.
    `without_record`: `unique_key` of the customers without a record."""

    followed: pd.DataFrame
    without_record: pd.DataFrame


_NO_CHANGES = pd.DataFrame({"old_key": [], "new_key": [], "is_first": []}, dtype="str")


def plan_key_changes(
    known: pd.DataFrame, survivors: Survivors, rekeyed: pd.DataFrame, precedence: Precedence
) -> KeyChanges:
    """Plan which customers follow their records.

    `known`: the records of `choose_survivors`, with `converted_contact_id` and `in_batch`. `rekeyed`: `id` and
    `old_key` of records that had another key before, or whose converted lead has another one.
    """
    is_claimed = survivors.primary | survivors.blocked
    questioned = pd.concat([known.loc[known["in_batch"] & ~is_claimed, "unique_key"], rekeyed["old_key"]])
    questioned = questioned.dropna().drop_duplicates()
    without_record = questioned[~among(questioned, known.loc[is_claimed, "unique_key"])]
    lost = pd.DataFrame({"unique_key": without_record})
    if rekeyed.empty:
        return KeyChanges(_NO_CHANGES, lost)
    # A converted lead does not keep the customer that its contact takes along.
    follows_contact = known["is_converted"] & among(known["converted_contact_id"], rekeyed["id"])
    alone = rekeyed[~among(rekeyed["old_key"], known.loc[is_claimed & ~follows_contact, "unique_key"])]
    keyed = known[known["unique_key"].notna() & among(known["id"], alone["id"])]
    followed = in_order(keyed.merge(alone, on="id"), precedence)
    # A record that was deleted since is followed too: it may be undeleted.
    followed = followed.sort_values("is_deleted", kind="stable").drop_duplicates("old_key")
    followed = followed.assign(new_key=followed["unique_key"], is_first=~followed["unique_key"].duplicated())
    return KeyChanges(followed[["old_key", "new_key", "is_first"]], lost)


def rename_customers(connection: Connection, changes: KeyChanges, now: datetime) -> None:
    """Rename the customers whose new key is free."""
    if changes.followed.empty:
        return
    staged = _stage_followed(connection, changes)
    other = customer.alias("other")
    taken = select(other.c.id).where(other.c.unique_key == staged.c.new_key).exists()
    connection.execute(
        update(customer)
        .values(unique_key=staged.c.new_key, modified_at=now)
        .where(customer.c.unique_key == staged.c.old_key, staged.c.is_first, ~taken)
    )


def merge_customers(connection: Connection, changes: KeyChanges, now: datetime) -> None:
    """Merge the customers that could not be renamed into the one that has the new key, and stop mailing them."""
    if changes.followed.empty:
        return
    staged = _stage_followed(connection, changes)
    other = customer.alias("other")
    connection.execute(
        update(customer)
        .values(merged_into_customer_id=other.c.id, modified_at=now, **not_mailed())
        .where(
            customer.c.unique_key == staged.c.old_key,
            other.c.unique_key == staged.c.new_key,
            customer.c.merged_into_customer_id.is_(None),
        )
    )


def mark_without_record(connection: Connection, changes: KeyChanges, now: datetime, *, stop_mailing: bool) -> None:
    """Mark the customers for which no record is left in Salesforce."""
    if changes.without_record.empty:
        return
    staged = stage(connection, "staged_without_record", changes.without_record)
    connection.execute(
        update(customer)
        .values(deleted_in_salesforce_at=now, modified_at=now, **(not_mailed() if stop_mailing else {}))
        .where(
            customer.c.unique_key == staged.c.unique_key,
            customer.c.deleted_in_salesforce_at.is_(None),
            customer.c.merged_into_customer_id.is_(None),
            customer.c.salesforce_id.is_not(None),
        )
    )


def merge_merged_records(connection: Connection, staged: Table, losers: pd.Series, now: datetime) -> None:
    """Merge the customers whose last record was merged in Salesforce into the customer of its master.

    `losers`: Ids of merged records of the batch's keys; records merged into one of the `staged` records are looked up.
    """
    loser, master = salesforce_record.alias("loser"), salesforce_record.alias("master")
    merges = (
        select(loser.c.customer_id, master.c.customer_id, loser.c.system_modstamp, loser.c.id)
        .join_from(loser, master, master.c.id == loser.c.master_record_id)
        .join(customer, customer.c.id == loser.c.customer_id)
        .where(
            loser.c.is_deleted,
            customer.c.deleted_in_salesforce_at.is_not(None),
            customer.c.id != master.c.customer_id,
            customer.c.merged_into_customer_id.is_distinct_from(master.c.customer_id),
            ~_is_merged_later(loser),
        )
    )
    rows: list[Row[tuple[int, int, datetime, str]]] = []
    for column, ids in ((loser.c.master_record_id, read_masters(connection, staged)), (loser.c.id, losers)):
        for some in in_parts(ids):
            # Values, not a table of them: joined to one, PostgreSQL went through every loser there is for each.
            rows += connection.execute(merges.where(column.in_(some)))
    if not rows:
        return
    # The last merge counts, where several records of one customer were merged.
    found = frame_of(rows, ["customer_id", "into_customer_id", "merged_at", "loser_id"])
    last = found.sort_values(["merged_at", "loser_id"]).drop_duplicates("customer_id", keep="last")
    pairs = last[["customer_id", "into_customer_id"]].astype("Int64")
    store_merges(connection, pairs, now)


def store_merges(connection: Connection, pairs: pd.DataFrame, now: datetime) -> None:
    """Merge customers into others and stop mailing them; undo that where `into_customer_id` is missing.

    `pairs`: `customer_id`, `into_customer_id` (Int64).
    """
    merged = stage(connection, "staged_merge", pairs, dict.fromkeys(pairs.columns, customer.c.id.type))
    connection.execute(
        update(customer)
        .values(
            merged_into_customer_id=merged.c.into_customer_id,
            modified_at=now,
            **mail_status_if(merged.c.into_customer_id.is_not(None)),
        )
        .where(customer.c.id == merged.c.customer_id)
    )


def _is_merged_later(loser: FromClause) -> ColumnElement[bool]:
    """Return whether another record of the loser's customer was merged after it, into a known record."""
    later, master = salesforce_record.alias("later"), salesforce_record.alias("later_master")
    return exists(
        select(later.c.id)
        .join_from(later, master, master.c.id == later.c.master_record_id)
        .where(
            later.c.unique_key == loser.c.unique_key,
            later.c.is_deleted,
            master.c.customer_id != loser.c.customer_id,
            tuple_(later.c.system_modstamp, later.c.id) > tuple_(loser.c.system_modstamp, loser.c.id),
        )
    )


def read_masters(connection: Connection, staged: Table) -> pd.Series:
    """Return the Ids of the staged records into which others were merged."""
    # Where none was, as before a first sync is done, the batch need not be gone through. In order: without statistics
    # PostgreSQL would read the whole mirror for any one of them.
    master = salesforce_record.c.master_record_id
    if connection.scalar(select(master).where(master.is_not(None)).order_by(master).limit(1)) is None:
        return pd.Series(dtype="str")
    losers = select(func.count()).where(master == staged.c.id)
    return staged_with(connection, staged, losers)


def staged_with(connection: Connection, staged: Table, count: Select[tuple[int]]) -> pd.Series:
    """Return the Ids of the staged records of which the query, which names them, counts any others."""
    # A subquery in this place is looked up by index; of a join, PostgreSQL goes through the batch for every other one.
    number = count.correlate(staged).scalar_subquery()
    return pd.Series(connection.scalars(select(staged.c.id).where(number > 0)).all(), dtype="str")


def _stage_followed(connection: Connection, changes: KeyChanges) -> Table:
    return stage(connection, "staged_key_change", changes.followed)
