"""Which records Salesforce is to be written a withdrawal, or the yes that takes one back: the queue's beginning."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    exists,
    false,
    literal,
    or_,
    select,
    true,
    update,
)

from crm_sync.consent.readings_store import read_until
from crm_sync.consent.standing_store import stands_at_no
from crm_sync.consent_words import SAYS_NO, Cause, Channel, Said
from crm_sync.database.dialects import insert_for, write_and_count
from crm_sync.database.tables.consent import address_consent, consent_candidate, consent_delivery, is_waiting
from crm_sync.database.tables.customers import Instant, customer, salesforce_record
from crm_sync.sobject import SObject

_QUEUED = ["sobject", "record_id", "customer_id", "channel", "said", "queued_at"]


def queue_withdrawals(
    connection: Connection, touched: Select[tuple[int]], linked: Mapping[SObject, Collection[Channel]], now: datetime
) -> int:
    """Queue every record that says yes and whose customer stands at no; returns how many are new.

    `touched`: a query of customer ids. `linked`: the channels that each object's mapping has a field for; a no for
    which there is no field stays here.
    """
    return sum(
        _queue(connection, _records(touched, objects, channel, says_no=False), channel, Said.NO, now)
        for channel, objects in _objects_by_channel(linked).items()
    )


def queue_lifts(
    connection: Connection, touched: Select[tuple[int]], linked: Mapping[SObject, Collection[Channel]], now: datetime
) -> int:
    """Queue every record that says no and whose customer's noes were all taken back; returns how many are new."""
    return sum(
        _queue(connection, _records(touched, objects, channel, says_no=True), channel, Said.YES, now)
        for channel, objects in _objects_by_channel(linked).items()
    )


def _objects_by_channel(linked: Mapping[SObject, Collection[Channel]]) -> dict[Channel, list[str]]:
    objects = {channel: [str(one) for one, channels in linked.items() if channel in channels] for channel in Channel}
    return {channel: some for channel, some in objects.items() if some}


def _records(
    touched: Select[tuple[int]], objects: list[str], channel: Channel, *, says_no: bool
) -> Select[tuple[str, str, int]]:
    record = salesforce_record.c
    stands = stands_at_no(customer, channel)
    asked = select(touched.subquery().c[0].label("id")).distinct().subquery()
    # First the few customers, whatever PostgreSQL thinks of the mirror; then their records are looked up.
    person = (
        select(customer.c.id, customer.c.unique_key)
        .join_from(asked, customer, customer.c.id == asked.c.id)
        .where(~stands if says_no else stands)
        .cte("person")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    is_open = and_(
        record.sobject.in_(objects),
        # Salesforce lets nobody write a converted lead; its contact stands for it.
        ~record.is_deleted,
        ~record.is_converted,
        record[SAYS_NO[channel]].is_(says_no),
    )
    return (
        select(record.sobject, record.id, customer.c.id)
        .join_from(person, salesforce_record, record.unique_key == person.c.unique_key)
        .join(customer, customer.c.id == person.c.id)
        .where(
            # In one piece: each by itself leaves next to nothing, PostgreSQL thinks, and it reads the whole mirror.
            case((is_open, true()), else_=false()),
            true() if says_no else and_(or_(~_is_held(channel), _is_news(channel)), ~_is_being_judged(channel)),
        )
    )


def _is_being_judged(channel: Channel) -> ColumnElement[bool]:
    """Tell whether the record's yes waits for approval, and no no was seen with it or since: it is left there."""
    yes, no = consent_candidate.c, address_consent.c
    later = exists(
        select(no.id).where(no.address_hash == yes.address_hash, no.channel == channel.value, no.seen_at >= yes.seen_at)
    )
    own = and_(yes.reference == salesforce_record.c.id, yes.channel == channel.value)
    return exists(select(yes.id).where(own, ~later).correlate(salesforce_record))


def _is_held(channel: Channel) -> ColumnElement[bool]:
    """Tell whether another record of the customer says no."""
    other = salesforce_record.alias("other")
    same_key = and_(other.c.unique_key == customer.c.unique_key, other.c.id != salesforce_record.c.id)
    return exists(select(other.c.id).where(same_key, ~other.c.is_deleted, other.c[SAYS_NO[channel]].is_(True)))


def _is_news(channel: Channel) -> ColumnElement[bool]:
    """Tell whether a no of the customer was said, or a found one was known before the record was last edited.

    Records of one address that differ when they are first seen are left so: Salesforce holds the no. When they were
    read plays no part: a first sync that is cut and begun anew ends like any other.
    """
    said = or_(address_consent.c.cause != Cause.FIRST_SIGHT.value, address_consent.c.seen_at < read_until())
    same_address = address_consent.c.address_hash == customer.c.address_hash
    noes = select(address_consent.c.id).where(same_address, address_consent.c.channel == channel.value, said)
    return exists(noes)


def _queue(
    connection: Connection, records: Select[tuple[str, str, int]], channel: Channel, said: Said, now: datetime
) -> int:
    _end_opposite(connection, records, channel, said, now)
    source = records.add_columns(literal(channel.value), literal(said.value), literal(now, Instant()))
    insert = insert_for(connection, consent_delivery).from_select(_QUEUED, source)
    return write_and_count(connection, insert.on_conflict_do_nothing())


def _end_opposite(
    connection: Connection, records: Select[tuple[str, str, int]], channel: Channel, said: Said, now: datetime
) -> None:
    """End what waits to be written to these records and says the opposite: only one word of a channel can wait."""
    delivery = consent_delivery.c
    opposite = (is_waiting(), delivery.channel == channel.value, delivery.said != said.value)
    if connection.scalar(select(exists(select(delivery.id).where(*opposite)))):
        ids = select(records.subquery().c[1])
        connection.execute(update(consent_delivery).values(ended_at=now).where(*opposite, delivery.record_id.in_(ids)))
