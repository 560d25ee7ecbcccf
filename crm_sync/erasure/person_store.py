"""Erases people from every table: the one that was asked for, and those that were deleted in Salesforce long ago."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import pandas as pd
from sqlalchemy import BigInteger, ColumnElement, Connection, Table, Text, cast, delete, or_, select, union, update

from crm_sync.columns.address_hash import AddressHash, normalise_address
from crm_sync.database.dialects import write_and_count
from crm_sync.database.staging import stage
from crm_sync.database.tables.campaigns import campaign_member, campaign_output
from crm_sync.database.tables.consent import consent_candidate, consent_delivery, is_waiting
from crm_sync.database.tables.customers import customer, rejected_record, salesforce_record
from crm_sync.database.tables.deployteq import deployteq_conflict, deployteq_customer, deployteq_pending
from crm_sync.database.tables.moments import contact_moment, moment_export
from crm_sync.database.tables.safety import customer_history, held_record
from crm_sync.erasure.known_store import record_hashes, remember
from crm_sync.errors import ConfigurationError
from crm_sync.salesforce.record_ids import full_id

# Digits that every database takes as a number.
_LONGEST_NUMBER = 19
# A person is found over joined customers and records, which lead to each other.
_MOST_ROUNDS = 10


@dataclass(frozen=True)
class Person:
    """All that is kept of one person: customers' ids, record Ids, and the hashes of addresses."""

    customers: tuple[int, ...] = ()
    records: tuple[str, ...] = ()
    addresses: tuple[int, ...] = ()


@dataclass(frozen=True)
class Erased:
    """What was erased, by table, and what is left: the person's records in Salesforce, and noes not written there."""

    rows: dict[str, int]
    records: tuple[str, ...]
    undelivered: int


def find_person(connection: Connection, hashes: AddressHash, who: str | int) -> Person:
    """Return all that belongs to a person, given by a customer's id, the Id of a lead or contact, or an address.

    Raises ConfigurationError when nothing is known of such a person.
    """
    person = _first(connection, hashes, str(who).strip())
    for _ in range(_MOST_ROUNDS):
        more = _with_more(connection, person)
        if more == person:
            break
        person = more
    if not (person.customers or person.records):
        raise ConfigurationError("Nothing is known of such a person; give a customer's id, or the Id of a record.")
    return replace(person, addresses=_own_addresses(connection, person))


def erase(connection: Connection, hashes: AddressHash, person: Person, now: datetime) -> Erased:
    """Erase a person from every table, and remember by hashes that this was done; the ledger of consent stays."""
    of_person = consent_delivery.c.customer_id.in_(person.customers)
    undelivered = len(connection.execute(select(consent_delivery.c.id).where(is_waiting(), of_person)).all())
    there = select(salesforce_record.c.id).where(
        salesforce_record.c.id.in_(person.records), ~salesforce_record.c.is_deleted
    )
    left = tuple(connection.scalars(there.order_by(salesforce_record.c.id)))
    by_record = record_hashes(hashes, pd.Series(person.records, dtype="str"))
    remember(connection, [*person.addresses, *map(int, by_record)], now)
    rows = remove(connection, _ids(connection, person.customers), _record_ids(connection, person.records))
    connection.execute(delete(consent_candidate).where(consent_candidate.c.address_hash.in_(person.addresses)))
    return Erased(rows, left, undelivered)


def forget_deleted(connection: Connection, before: datetime) -> int:
    """Erase the values of people who are deleted in Salesforce since before that moment; returns how many customers.

    They are not remembered: who is entered in Salesforce again is a customer again, and stands at the noes of before.
    """
    gone = connection.scalars(
        select(customer.c.id).where(
            customer.c.deleted_in_salesforce_at < before, customer.c.merged_into_customer_id.is_(None)
        )
    ).all()
    if gone:
        into = select(_ids(connection, gone).c.id)
        joined = connection.scalars(select(customer.c.id).where(customer.c.merged_into_customer_id.in_(into))).all()
        ids = _ids(connection, (*gone, *joined))
        of_people = salesforce_record.c.customer_id.in_(select(ids.c.id))
        records = connection.scalars(select(salesforce_record.c.id).where(of_people)).all()
        remove(connection, ids, _record_ids(connection, records))
    _empty_deleted_records(connection, before)
    return len(gone)


def remove(connection: Connection, customers: Table, records: Table) -> dict[str, int]:
    """Delete all rows of these customers and records (tables of their ids), and return how many, by table."""
    ids, of_records = select(customers.c.id), select(records.c.id)
    moments = select(contact_moment.c.moment_id).where(contact_moment.c.customer_id.in_(ids))
    steps: list[tuple[Table, ColumnElement[bool]]] = [
        (moment_export, moment_export.c.moment_id.in_(moments)),
        (contact_moment, contact_moment.c.customer_id.in_(ids)),
        (campaign_output, campaign_output.c.customer_id.in_(ids)),
        (campaign_member, campaign_member.c.customer_id.in_(ids)),
        (consent_delivery, or_(consent_delivery.c.customer_id.in_(ids), consent_delivery.c.record_id.in_(of_records))),
        (held_record, or_(held_record.c.customer_id.in_(ids), held_record.c.id.in_(of_records))),
        (rejected_record, rejected_record.c.id.in_(of_records)),
        (salesforce_record, salesforce_record.c.id.in_(of_records)),
    ]
    there = deployteq_customer.c
    of_deployteq = or_(there.customer_id.in_(ids), there.salesforce_id.in_(of_records))
    steps += [
        (deployteq_customer, of_deployteq),
        (deployteq_pending, deployteq_pending.c.customer_id.in_(ids)),
        (deployteq_conflict, deployteq_conflict.c.customer_id.in_(ids)),
    ]
    counts = {table.name: write_and_count(connection, delete(table).where(which)) for table, which in steps}
    connection.execute(
        update(customer).values(merged_into_customer_id=None).where(customer.c.merged_into_customer_id.in_(ids))
    )
    counts["customer"] = write_and_count(connection, delete(customer).where(customer.c.id.in_(ids)))
    counts["customer_history"] = write_and_count(
        connection, delete(customer_history).where(customer_history.c.customer_id.in_(ids))
    )
    return counts


def _empty_deleted_records(connection: Connection, before: datetime) -> None:
    """Let deleted records of others, such as merged ones, lose their values; where they lead to stays known."""
    connection.execute(
        update(salesforce_record)
        .values(field_values={}, address_hash=None)
        .where(
            salesforce_record.c.is_deleted,
            salesforce_record.c.read_at < before,
            cast(salesforce_record.c.field_values, Text) != "{}",
        )
    )


def _first(connection: Connection, hashes: AddressHash, who: str) -> Person:
    if record := full_id(who):
        known = connection.scalars(select(salesforce_record.c.id).where(salesforce_record.c.id == record)).all()
        return Person(records=tuple(known))
    if who.isascii() and who.isdigit() and len(who) < _LONGEST_NUMBER:
        own = connection.scalars(select(customer.c.id).where(customer.c.id == int(who))).all()
        return Person(customers=tuple(own))
    return Person(addresses=(hashes.of(normalise_address(who)),))


def _with_more(connection: Connection, person: Person) -> Person:
    """Return the person with the joined customers, and the records, that its customers and records lead to."""
    of_record = select(salesforce_record.c.customer_id).where(salesforce_record.c.id.in_(person.records))
    into = select(customer.c.merged_into_customer_id).where(customer.c.id.in_(person.customers))
    own = or_(
        customer.c.id.in_(person.customers),
        customer.c.id.in_(of_record),
        customer.c.address_hash.in_(person.addresses),
        customer.c.merged_into_customer_id.in_(person.customers),
        customer.c.id.in_(into),
    )
    customers = connection.scalars(select(customer.c.id).where(own).order_by(customer.c.id)).all()
    keys = select(customer.c.unique_key).where(customer.c.id.in_(customers))
    theirs = or_(
        salesforce_record.c.id.in_(person.records),
        salesforce_record.c.customer_id.in_(customers),
        salesforce_record.c.unique_key.in_(keys),
        salesforce_record.c.address_hash.in_(person.addresses),
    )
    records = connection.scalars(select(salesforce_record.c.id).where(theirs).order_by(salesforce_record.c.id)).all()
    return Person(tuple(customers), tuple(records), person.addresses)


def _own_addresses(connection: Connection, person: Person) -> tuple[int, ...]:
    """Return the hashes of the person's addresses that nobody else has."""
    hashed = union(
        select(customer.c.address_hash).where(customer.c.id.in_(person.customers)),
        select(salesforce_record.c.address_hash).where(salesforce_record.c.id.in_(person.records)),
    )
    found = {*person.addresses, *(one for one in connection.scalars(hashed) if one is not None)}
    others = select(customer.c.address_hash).where(
        customer.c.address_hash.in_(found), customer.c.id.not_in(person.customers)
    )
    return tuple(sorted(found - set(connection.scalars(others))))


def _ids(connection: Connection, ids: Iterable[int]) -> Table:
    frame = pd.DataFrame({"id": pd.Series(list(ids), dtype="Int64").drop_duplicates()})
    return stage(connection, "staged_erased_customer", frame, {"id": BigInteger()})


def _record_ids(connection: Connection, ids: Iterable[str]) -> Table:
    frame = pd.DataFrame({"id": pd.Series(list(ids), dtype="str").drop_duplicates()})
    return stage(connection, "staged_erased_record", frame)
