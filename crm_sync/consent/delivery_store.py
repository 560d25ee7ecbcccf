"""The queue of withdrawals that Salesforce does not hold yet, and of the yeses that take one back there.

A row is one record and channel. It waits until Salesforce has accepted it, or until there is nothing left to write.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    update,
)

from crm_sync.consent.ledger_store import stand
from crm_sync.consent.standing_store import stands_at_no
from crm_sync.consent_words import SAYS_NO, Cause, Channel, Said, Side
from crm_sync.database.confirmed_values import store_confirmed_values
from crm_sync.database.dialects import insert_for, write_and_count
from crm_sync.database.frames import frame_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.consent import address_consent, consent_candidate, consent_delivery
from crm_sync.database.tables.customers import Instant, customer, salesforce_record
from crm_sync.sobject import SObject

_QUEUED = ["sobject", "record_id", "customer_id", "channel", "said", "queued_at"]
_READ = ["id", "sobject", "record_id", "customer_id", "channel", "said", "address_hash", "system_modstamp"]


@dataclass(frozen=True)
class Waiting:
    """Deliveries that wait: how many, since when the oldest does, and how many Salesforce has refused."""

    number: int
    oldest: datetime | None
    refused: int


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
    """Tell whether a no of the customer was said, or a found one was known before the record was last read.

    Records of one address that differ when they are first seen are left so: Salesforce holds the no.
    """
    said = or_(
        address_consent.c.cause != Cause.FIRST_SIGHT.value, address_consent.c.seen_at < salesforce_record.c.read_at
    )
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


def close_settled(connection: Connection, now: datetime) -> None:
    """Take out of the queue what need not be written any more: the record says so by now, or went away, or the
    customer's consent changed again."""
    record = salesforce_record.c
    says_no = case(*((consent_delivery.c.channel == channel.value, record[name]) for channel, name in SAYS_NO.items()))
    is_withdrawal = consent_delivery.c.said == Said.NO.value
    mirrored = record.id == consent_delivery.c.record_id
    holds_it = select(record.id).where(mirrored, ~record.is_deleted, says_no == is_withdrawal).exists()
    is_gone = ~select(record.id).where(mirrored, ~record.is_deleted, ~record.is_converted).exists()
    connection.execute(update(consent_delivery).values(delivered_at=now).where(is_waiting(), holds_it))
    connection.execute(update(consent_delivery).values(ended_at=now).where(is_waiting(), or_(is_gone, _is_moot())))


def _is_moot() -> ColumnElement[bool]:
    """Tell whether the customer stands by now at the other side of what is queued."""
    moot = []
    for channel in Channel:
        person = (
            select(customer.c.id)
            .join(salesforce_record, salesforce_record.c.unique_key == customer.c.unique_key)
            .where(salesforce_record.c.id == consent_delivery.c.record_id)
        )
        at_no = person.where(stands_at_no(customer, channel)).exists()
        is_withdrawal = consent_delivery.c.said == Said.NO.value
        of_channel = consent_delivery.c.channel == channel.value
        moot.append(and_(of_channel, or_(and_(is_withdrawal, ~at_no), and_(~is_withdrawal, at_no))))
    return or_(*moot)


def is_waiting() -> ColumnElement[bool]:
    """Tell whether a delivery is neither accepted by Salesforce nor ended; a partial index answers it."""
    return and_(consent_delivery.c.delivered_at.is_(None), consent_delivery.c.ended_at.is_(None))


def read_waiting(connection: Connection, limit: int) -> pd.DataFrame:
    """Return the oldest waiting deliveries: `id`, `customer_id` (numbers), `sobject`, `record_id`, `channel`, `said`
    (text); of the record as it was last read, `address_hash` (number) and `system_modstamp` (datetime)."""
    mirrored = [salesforce_record.c[name] for name in _READ[-2:]]
    columns = [*(consent_delivery.c[name] for name in _READ[:-2]), *mirrored]
    query = (
        select(*columns)
        .join(salesforce_record, salesforce_record.c.id == consent_delivery.c.record_id)
        .where(is_waiting())
        .order_by(consent_delivery.c.id)
        .limit(limit)
    )
    found = frame_of(connection.execute(query), _READ, dtype="object")
    numbers = {name: found[name].astype("Int64") for name in ("id", "customer_id", "address_hash")}
    return found.assign(**numbers)


def count_waiting(connection: Connection) -> Waiting:
    """Return how many withdrawals are under way, since when, and how many of them Salesforce refused."""
    refused = func.count(consent_delivery.c.error_code)
    query = select(func.count(), func.min(consent_delivery.c.queued_at), refused).where(
        is_waiting(), consent_delivery.c.said == Said.NO.value
    )
    return Waiting(*connection.execute(query).one())


def customers_waiting(connection: Connection, customer_ids: pd.Series) -> pd.DataFrame:
    """Return those of the customers who have a withdrawal under way: `customer_id`, `error_code`, `error_message`."""
    staged = stage(
        connection, "staged_person", pd.DataFrame({"customer_id": customer_ids}), {"customer_id": customer.c.id.type}
    )
    names = ["customer_id", "error_code", "error_message"]
    query = (
        select(*(consent_delivery.c[name] for name in names))
        .join(staged, staged.c.customer_id == consent_delivery.c.customer_id)
        .where(is_waiting(), consent_delivery.c.said == Said.NO.value)
    )
    return frame_of(connection.execute(query), names).drop_duplicates("customer_id")


def store_held(connection: Connection, held: pd.DataFrame, now: datetime, seen_until: datetime) -> None:
    """Note that Salesforce held what was to be written: somebody there said it, and a no of theirs stands by itself.

    `held`: as `accepted` of `store_accepted`.
    """
    _close(connection, held, now)
    _stand(connection, held, Cause.EDITED, seen_until, now)


def store_accepted(
    connection: Connection, accepted: pd.DataFrame, confirmed: pd.DataFrame, now: datetime, written_by: datetime
) -> None:
    """Note what Salesforce holds now since it was written.

    `accepted`: `id`, `record_id`, `channel`, `said`, `address_hash`. `confirmed`: the records' `id` and their new
    `field_values` (JSON object text). `written_by`: the moment of Salesforce's clock at which it was written at the
    latest; a later stamp of the record is somebody else's.

    A record that a no was written to stands at no by itself from now on: whoever lifts it has to lift it there.
    """
    store_confirmed_values(connection, confirmed, written_by)
    _close(connection, accepted, now)
    _stand(connection, accepted, Cause.DELIVERED, written_by, now)


def _close(connection: Connection, accepted: pd.DataFrame, now: datetime) -> None:
    """Take deliveries out of the queue, and let the mirror say what their records say."""
    types = {"id": consent_delivery.c.id.type}
    staged = stage(connection, "staged_accepted", accepted[["id", "record_id"]], types)
    connection.execute(
        update(consent_delivery)
        .values(delivered_at=now, error_code=None, error_message=None)
        .where(consent_delivery.c.id == staged.c.id)
    )
    for channel, name in SAYS_NO.items():
        of_channel = accepted[accepted["channel"].eq(channel.value)]
        for said in Said:
            ids = of_channel.loc[of_channel["said"].eq(said.value), ["record_id"]]
            if ids.empty:
                continue
            written = stage(connection, "staged_written", ids)
            connection.execute(
                update(salesforce_record)
                .values(**{name: said is Said.NO, "read_at": now})
                .where(salesforce_record.c.id == written.c.record_id)
            )


def _stand(connection: Connection, accepted: pd.DataFrame, cause: Cause, not_after: datetime, now: datetime) -> None:
    noes = accepted[accepted["said"].eq(Said.NO.value)].dropna(subset=["address_hash"])
    places = noes.rename(columns={"record_id": "reference"})
    stand(connection, places.assign(side=Side.SALESFORCE.value, cause=cause.value, not_after=not_after), now)


def store_refused(connection: Connection, refused: pd.DataFrame) -> None:
    """Note why Salesforce refused a delivery; it goes on waiting. `refused`: `id`, `error_code`, `error_message`."""
    if refused.empty:
        return
    staged = stage(connection, "staged_refused", refused, {"id": consent_delivery.c.id.type})
    connection.execute(
        update(consent_delivery)
        .values(
            tries=consent_delivery.c.tries + 1,
            error_code=staged.c.error_code,
            error_message=staged.c.error_message,
        )
        .where(consent_delivery.c.id == staged.c.id)
    )
