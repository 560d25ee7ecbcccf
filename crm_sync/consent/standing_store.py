"""What customers stand at: `opt_in` and `sms_opt_in` follow from the noes that stand, and from nothing else."""

from collections.abc import Collection
from datetime import datetime

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    union,
    update,
)

from crm_sync.columns.address_hash import AddressHash, address_or_key
from crm_sync.consent.ledger_store import carry_over
from crm_sync.consent_words import Channel
from crm_sync.database.dialects import write_and_count
from crm_sync.database.frames import frame_of
from crm_sync.database.staging import stage, stage_query
from crm_sync.database.tables.consent import address_consent, consent_gap
from crm_sync.database.tables.customers import customer, salesforce_record

# Before every word: what is carried over was said when it was said.
_NEVER_MOVED = pd.Timestamp(0, tz="UTC")


def stands_at_no(person: FromClause, channel: Channel) -> ColumnElement[bool]:
    """Tell whether a no stands for a customer's address, or for that of a customer that was joined to it."""
    joined = customer.alias("joined")
    own = exists(_noes(channel).where(address_consent.c.address_hash == person.c.address_hash))
    of_address = _noes(channel).where(address_consent.c.address_hash == joined.c.address_hash).correlate(joined)
    # Counted in this place they are looked up by index; of a join, PostgreSQL may read all noes for every customer.
    number = of_address.with_only_columns(func.count()).scalar_subquery()
    of_joined = exists(select(joined.c.id).where(joined.c.merged_into_customer_id == person.c.id, number > 0))
    return or_(own, of_joined)


def gather(connection: Connection, *queries: Select[tuple[int]]) -> Select[tuple[int]] | None:
    """Return a query of the customers (ids) that any of the queries gives, and of those they were joined to.

    The queries are asked once. None for none.
    """
    found = union(*queries).subquery()
    staged = stage_query(connection, "staged_concerned", select(found.c[0].label("id")))
    if staged is None:
        return None
    into = customer.c.merged_into_customer_id
    query = select(into.label("id")).join(staged, staged.c.id == customer.c.id).where(into.is_not(None)).distinct()
    joined = stage_query(connection, "staged_joined_to", query)
    if joined is None:
        return select(staged.c.id)
    return select(union(select(staged.c.id), select(joined.c.id)).subquery().c[0])


def customers_with(connection: Connection, ids: pd.Series) -> Select[tuple[int]]:
    """Return a query of customers by their ids."""
    frame = pd.DataFrame({"id": ids.astype("Int64")})
    staged = stage(connection, "staged_touched", frame, {"id": customer.c.id.type})
    return select(staged.c.id)


def follow_addresses(
    connection: Connection, touched: Select[tuple[int]], hashes: AddressHash, *, run: int | None, now: datetime
) -> None:
    """Give customers the address hash of their source record; the noes of the address before go along.

    Who was joined to another customer keeps the own address, which the record left: a yes there is for that address.
    Who has another address here than the record keeps it, and gets the noes of the record's.
    """
    mirrored = salesforce_record.c
    names = ["id", "old_hash", "new_hash", "moved_at", "address", "key"]
    query = (
        select(
            *(customer.c.id, customer.c.address_hash, mirrored.address_hash, mirrored.system_modstamp),
            *(customer.c.email_address, customer.c.unique_key),
        )
        .join(salesforce_record, mirrored.id == customer.c.salesforce_id)
        .where(
            customer.c.id.in_(touched),
            customer.c.merged_into_customer_id.is_(None),
            mirrored.address_hash.is_not(None),
            customer.c.address_hash.is_distinct_from(mirrored.address_hash),
        )
    )
    found = frame_of(connection.execute(query), names, dtype="object")
    if found.empty:
        return
    own = pd.Series([address_or_key(*pair) for pair in zip(found["address"], found["key"], strict=True)], dtype="str")
    moved = found.astype(dict.fromkeys(["id", "old_hash", "new_hash"], "Int64"))
    moved["moved_at"] = pd.to_datetime(moved["moved_at"], utc=True)
    is_kept = hashes.of_column(own).eq(moved["old_hash"]).fillna(False).astype(bool)
    kept, moved = moved[is_kept], moved[~is_kept]
    to_own = kept.rename(columns={"old_hash": "new_hash", "new_hash": "old_hash"})
    carry_over(connection, to_own.assign(moved_at=_NEVER_MOVED), run=run, now=now)
    carry_over(connection, moved.dropna(subset=["old_hash"]), run=run, now=now)
    types = {"id": customer.c.id.type, "new_hash": customer.c.address_hash.type}
    staged = stage(connection, "staged_new_address", moved[["id", "new_hash"]], types)
    connection.execute(update(customer).values(address_hash=staged.c.new_hash).where(customer.c.id == staged.c.id))


def refresh_consent(
    connection: Connection,
    touched: Select[tuple[int]],
    now: datetime,
    *,
    linked: Collection[Channel] = (),
    hidden: Collection[Channel] = (),
) -> int:
    """Set the consent of customers (a query of their ids) to what follows from the ledger; returns how many changed.

    `linked`: channels for which the mapping has a field; for the others, consent that nobody gave or took stays empty.
    `hidden`: channels whose field Salesforce no longer shows. Nobody comes to stand at yes then, nor while there is a
    gap in what is known of the customer's object.
    """
    changed = 0
    for channel in Channel:
        field, was_set = customer.c[channel.customer_field], customer.c[f"{channel.customer_field}_set"]
        is_known_yes = field.is_(True) if channel in hidden else or_(field.is_(True), ~_is_in_gap(channel))
        stands = and_(~stands_at_no(customer, channel), is_known_yes)
        has_record = and_(customer.c.salesforce_id.is_not(None), literal(channel in linked))
        is_known = or_(field.is_not(None), ~stands, has_record)
        changed += write_and_count(
            connection,
            update(customer)
            .values(**{channel.customer_field: stands, f"{channel.customer_field}_set": stands}, modified_at=now)
            # What somebody has changed since the run looked is left to the next look.
            .where(
                customer.c.id.in_(touched),
                is_known,
                field.is_distinct_from(stands),
                field.is_not_distinct_from(was_set),
            ),
        )
    return changed


def _is_in_gap(channel: Channel) -> ColumnElement[bool]:
    """Tell whether Salesforce no longer shows the opt-out field of the customer's object."""
    gap = consent_gap.c
    return exists(select(gap.sobject).where(gap.sobject == customer.c.salesforce_object, gap.channel == channel.value))


def _noes(channel: Channel) -> Select[tuple[int]]:
    return select(address_consent.c.id).where(address_consent.c.channel == channel.value)
