"""Finds all that is kept of one person, and erases it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import CompoundSelect, Connection, and_, exists, func, literal, or_, select, union

from crm_sync.columns.address_hash import AddressHash, normalise_address
from crm_sync.consent.here_store import notice_changes_here
from crm_sync.consent.standing_store import customers_with, refresh_consent
from crm_sync.consent_words import SAYS_NO, Said
from crm_sync.database.dialects import LANDING_LOCK, lock_until_commit
from crm_sync.database.frames import frame_of
from crm_sync.database.tables.consent import address_consent, consent_delivery, is_waiting
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.database.tables.deployteq import deployteq_customer
from crm_sync.database.tables.safety import held_record
from crm_sync.erasure.known_store import record_hashes, remember
from crm_sync.erasure.removal_store import remove
from crm_sync.errors import ConfigurationError
from crm_sync.salesforce.record_ids import full_id

# Digits that every database takes as a number.
_LONGEST_NUMBER = 19
# A person is found over joined customers and records, which lead to each other.
_MOST_ROUNDS = 10
# How a record names the one that stands for it.
_LEADS_TO = ("converted_contact_id", "master_record_id")


@dataclass(frozen=True)
class Person:
    """All that is kept of one person: customers' ids, record Ids, and the hashes of addresses."""

    customers: tuple[int, ...] = ()
    records: tuple[str, ...] = ()
    addresses: tuple[int, ...] = ()


@dataclass(frozen=True)
class Erased:
    """What was erased, by table, and what is left: the person's records in Salesforce, noes not written there, and
    other customers who have an address of the person as their second one."""

    rows: dict[str, int]
    records: tuple[str, ...]
    undelivered: int
    named_by: tuple[int, ...] = ()


def find_person(connection: Connection, hashes: AddressHash, who: str | int) -> Person:
    """Return all that belongs to a person, given by a customer's id, the Id of a lead or contact, or an address.

    Until the transaction ends, nothing of the person can land. Raises ConfigurationError when nothing is known of such
    a person.
    """
    lock_until_commit(connection, LANDING_LOCK)
    person = _followed(connection, _first(connection, hashes, str(who).strip()))
    if not (person.customers or person.records or _is_only_in_deployteq(connection, person)):
        raise ConfigurationError("Nothing is known of such a person; give a customer's id, or the Id of a record.")
    # Also the records that have nothing in common with it but the address.
    return _followed(connection, replace(person, addresses=_own_addresses(connection, person)))


def erase(connection: Connection, hashes: AddressHash, person: Person, now: datetime) -> Erased:
    """Erase a person from every table, and remember by hashes that this was done; the ledger of consent stays.

    What was said here and no run has seen yet is entered there before.
    """
    noticed = notice_changes_here(connection, hashes, run=None, now=now)
    refresh_consent(connection, customers_with(connection, noticed), now)
    undelivered = _count_undelivered(connection, person)
    there = select(salesforce_record.c.id).where(
        salesforce_record.c.id.in_(person.records), ~salesforce_record.c.is_deleted
    )
    left = tuple(connection.scalars(there.order_by(salesforce_record.c.id)))
    by_record = record_hashes(hashes, pd.Series(person.records, dtype="str"))
    remember(connection, [*person.addresses, *map(int, by_record)], now)
    rows = remove(connection, person.customers, person.records, now, person.addresses)
    return Erased(rows, left, undelivered, _named_by(connection, hashes, person))


def numbers_in_deployteq(connection: Connection, person: Person, brand: str) -> list[int]:
    """Return the ids of the person's customers in Deployteq that are there as far as is known, doubles among them."""
    there = deployteq_customer.c
    unpaired = and_(there.customer_id.is_(None), there.address_hash.in_(person.addresses))
    own = or_(there.customer_id.in_(person.customers), there.salesforce_id.in_(person.records), unpaired)
    query = select(there.deployteq_id).where(there.brand == brand, there.deleted_there_at.is_(None), own)
    return [*connection.scalars(query.order_by(there.deployteq_id))]


def _first(connection: Connection, hashes: AddressHash, who: str) -> Person:
    if record := full_id(who):
        known = connection.scalars(select(salesforce_record.c.id).where(salesforce_record.c.id == record)).all()
        return Person(records=tuple(known))
    if who.isascii() and who.isdigit() and len(who) < _LONGEST_NUMBER:
        own = connection.scalars(select(customer.c.id).where(customer.c.id == int(who))).all()
        return Person(customers=tuple(own))
    return Person(addresses=(hashes.of(normalise_address(who)),))


def _followed(connection: Connection, person: Person) -> Person:
    for _ in range(_MOST_ROUNDS):
        more = _with_more(connection, person)
        if more == person:
            break
        person = more
    return person


def _with_more(connection: Connection, person: Person) -> Person:
    """Return the person with the joined customers, and the records, that its customers and records lead to."""
    record = salesforce_record.c
    of_record = select(record.customer_id).where(record.id.in_(person.records))
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
    after = (select(record[name]).where(record.id.in_(person.records)) for name in _LEADS_TO)
    theirs = or_(
        record.id.in_(person.records),
        record.customer_id.in_(customers),
        record.unique_key.in_(keys),
        record.address_hash.in_(person.addresses),
        record.id.in_(select(held_record.c.id).where(held_record.c.address_hash.in_(person.addresses))),
        # Also of records without a customer, such as those without an address.
        *(record[name].in_(person.records) for name in _LEADS_TO),
        *(record.id.in_(ids) for ids in after),
    )
    records = connection.scalars(select(record.id).where(theirs).order_by(record.id)).all()
    return Person(tuple(customers), tuple(records), person.addresses)


def _is_only_in_deployteq(connection: Connection, person: Person) -> bool:
    of_address = deployteq_customer.c.address_hash.in_(person.addresses)
    return bool(connection.scalar(select(exists(select(deployteq_customer.c.deployteq_id).where(of_address)))))


def _hashes(person: Person) -> CompoundSelect[Any]:
    """Return a query of the hashes of all addresses that the person has, or will have once what is held back lands."""
    there = deployteq_customer.c
    return union(
        select(customer.c.address_hash).where(customer.c.id.in_(person.customers)),
        select(salesforce_record.c.address_hash).where(salesforce_record.c.id.in_(person.records)),
        select(held_record.c.address_hash).where(held_record.c.id.in_(person.records)),
        select(there.address_hash).where(
            or_(there.customer_id.in_(person.customers), there.salesforce_id.in_(person.records))
        ),
    )


def _own_addresses(connection: Connection, person: Person) -> tuple[int, ...]:
    """Return the hashes of the person's addresses that nobody else has."""
    found = {*person.addresses, *(one for one in connection.scalars(_hashes(person)) if one is not None)}
    others = select(customer.c.address_hash).where(
        customer.c.address_hash.in_(found), customer.c.id.not_in(person.customers)
    )
    return tuple(sorted(found - set(connection.scalars(others))))


def _count_undelivered(connection: Connection, person: Person) -> int:
    """Return how many noes Salesforce does not hold, one for each record and channel."""
    record, waiting = salesforce_record.c, consent_delivery.c
    queries = [
        select(waiting.record_id, waiting.channel).where(
            is_waiting(), waiting.said == Said.NO.value, waiting.customer_id.in_(person.customers)
        )
    ]
    for channel, says_no in SAYS_NO.items():
        is_there = (record.id.in_(person.records), ~record.is_deleted, ~record.is_converted)
        stands = select(address_consent.c.id).where(
            address_consent.c.channel == channel.value, address_consent.c.address_hash.in_(_hashes(person))
        )
        lacking = select(record.id, literal(channel.value)).where(*is_there, record[says_no].is_(False), exists(stands))
        queries.append(lacking)
    return connection.scalar(select(func.count()).select_from(union(*queries).subquery())) or 0


def _named_by(connection: Connection, hashes: AddressHash, person: Person) -> tuple[int, ...]:
    """Return the customers who have an address of the person as their second one: that is theirs, and stays."""
    second = customer.c.alternate_email_address
    rows = connection.execute(select(customer.c.id, second).where(second.is_not(None)).order_by(customer.c.id))
    found = frame_of(rows, ["id", "address"], dtype="object")
    if found.empty:
        return ()
    theirs = hashes.of_column(found["address"].map(normalise_address).astype("str"))
    return tuple(int(one) for one in found["id"][theirs.isin(person.addresses)])
