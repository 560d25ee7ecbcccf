"""Deletes people from every table: those who are to be erased, and those who were deleted in Salesforce long ago."""

from collections.abc import Collection, Iterable
from datetime import datetime

import pandas as pd
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    and_,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from crm_sync.database.dialects import LANDING_LOCK, insert_from, lock_until_commit, write_and_count
from crm_sync.database.staging import stage
from crm_sync.database.tables.campaigns import campaign_member, campaign_output
from crm_sync.database.tables.consent import consent_candidate, consent_delivery
from crm_sync.database.tables.customers import Instant, customer, rejected_record, salesforce_record
from crm_sync.database.tables.deployteq import deployteq_conflict, deployteq_customer, deployteq_pending
from crm_sync.database.tables.moments import contact_moment, moment_export
from crm_sync.database.tables.safety import customer_history, erased_customer, held_record


def remove(
    connection: Connection,
    customers: Iterable[int],
    records: Iterable[str],
    now: datetime,
    addresses: Collection[int] = (),
) -> dict[str, int]:
    """Delete all rows of these customers (ids), records (Ids) and addresses (hashes), and return how many, by table."""
    numbers = pd.DataFrame({"id": pd.Series(list(customers), dtype="Int64").drop_duplicates()})
    of_people = stage(connection, "staged_erased_customer", numbers, {"id": BigInteger()})
    names = pd.DataFrame({"id": pd.Series(list(records), dtype="str").drop_duplicates()})
    ids, of_records = (
        select(of_people.c.id),
        select(stage(connection, "staged_erased_record", names).c.id),
    )
    remembered = {"id": of_people.c.id, "at": literal(now, Instant())}
    connection.execute(insert_from(connection, erased_customer, remembered).on_conflict_do_nothing())
    steps = _of_person(ids, of_records, addresses)
    counts = {table.name: write_and_count(connection, delete(table).where(which)) for table, which in steps}
    of_address = consent_candidate.c.address_hash.in_(addresses)
    connection.execute(delete(consent_candidate).where(or_(of_address, consent_candidate.c.reference.in_(of_records))))
    # The output of another customer, whose record it was at the time.
    another = campaign_output.c.salesforce_id.in_(of_records)
    connection.execute(update(campaign_output).values(salesforce_id=None).where(another))
    into = customer.c.merged_into_customer_id.in_(ids)
    connection.execute(update(customer).values(merged_into_customer_id=None).where(into))
    counts["customer"] = write_and_count(connection, delete(customer).where(customer.c.id.in_(ids)))
    # At the end, for what is deleted above keeps old values too; also of another customer, who had the person's.
    was = (customer_history.c.was[name].as_string() for name in ("salesforce_id", "secondary_salesforce_id"))
    theirs = or_(customer_history.c.customer_id.in_(ids), *(one.in_(of_records) for one in was))
    counts["customer_history"] = write_and_count(connection, delete(customer_history).where(theirs))
    return counts


def _of_person(
    ids: Select[tuple[int]], of_records: Select[tuple[str]], addresses: Collection[int]
) -> list[tuple[Table, ColumnElement[bool]]]:
    """Return which rows go, table by table."""
    moments = select(contact_moment.c.moment_id).where(contact_moment.c.customer_id.in_(ids))
    export, there = moment_export.c, deployteq_customer.c
    unpaired = and_(there.customer_id.is_(None), there.address_hash.in_(addresses))
    return [
        (moment_export, or_(export.moment_id.in_(moments), export.parent_id.in_(of_records))),
        (contact_moment, contact_moment.c.customer_id.in_(ids)),
        (campaign_output, campaign_output.c.customer_id.in_(ids)),
        (campaign_member, campaign_member.c.customer_id.in_(ids)),
        (consent_delivery, or_(consent_delivery.c.customer_id.in_(ids), consent_delivery.c.record_id.in_(of_records))),
        (held_record, or_(held_record.c.customer_id.in_(ids), held_record.c.id.in_(of_records))),
        (rejected_record, rejected_record.c.id.in_(of_records)),
        (salesforce_record, salesforce_record.c.id.in_(of_records)),
        (deployteq_customer, or_(there.customer_id.in_(ids), there.salesforce_id.in_(of_records), unpaired)),
        (deployteq_pending, deployteq_pending.c.customer_id.in_(ids)),
        (deployteq_conflict, deployteq_conflict.c.customer_id.in_(ids)),
    ]


def forget_deleted(connection: Connection, before: datetime, now: datetime) -> int:
    """Erase the values of people who are deleted in Salesforce since before that moment; returns how many customers.

    They are not remembered: who is entered in Salesforce again is a customer again, and stands at the noes of before.
    """
    lock_until_commit(connection, LANDING_LOCK)
    is_gone = and_(customer.c.deleted_in_salesforce_at < before, customer.c.merged_into_customer_id.is_(None))
    gone = connection.scalars(select(customer.c.id).where(is_gone)).all()
    if gone:
        people = select(customer.c.id).where(is_gone).cte("gone", recursive=True)
        people = people.union(select(customer.c.id).where(customer.c.merged_into_customer_id == people.c.id))
        of_people = salesforce_record.c.customer_id.in_(select(people.c.id))
        records = connection.scalars(select(salesforce_record.c.id).where(of_people)).all()
        remove(connection, connection.scalars(select(people.c.id)).all(), records, now)
    _empty_deleted_records(connection, before)
    return len(gone)


def _empty_deleted_records(connection: Connection, before: datetime) -> None:
    """Let deleted records of others, such as merged ones, lose their values; where they lead to stays known."""
    connection.execute(
        update(salesforce_record)
        .values(field_values={}, address_hash=None, unique_key=None)
        .where(
            salesforce_record.c.is_deleted,
            func.coalesce(salesforce_record.c.read_at, salesforce_record.c.system_modstamp) < before,
            cast(salesforce_record.c.field_values, Text) != "{}",
        )
    )
