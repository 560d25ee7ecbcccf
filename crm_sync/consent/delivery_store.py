"""The queue of withdrawals that Salesforce does not hold yet, and of the yeses that take one back there: its end.

A row is one record and channel. It waits until Salesforce has accepted it, or until there is nothing left to write.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    func,
    or_,
    select,
    update,
)

from crm_sync.consent.ledger_store import stand
from crm_sync.consent.standing_store import stands_at_no
from crm_sync.consent_words import SAYS_NO, Cause, Channel, Said, Side
from crm_sync.database.confirmed_values import store_confirmed_values
from crm_sync.database.frames import frame_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.consent import consent_delivery, is_waiting
from crm_sync.database.tables.customers import customer, salesforce_record

# Later than the moment since when a record may have changed that was written to and not read since.
_AFTER = timedelta(seconds=1)
_READ = ["id", "sobject", "record_id", "customer_id", "channel", "said", "address_hash", "system_modstamp"]


@dataclass(frozen=True)
class Waiting:
    """Deliveries that wait: how many, since when the oldest does, and how many Salesforce has refused."""

    number: int
    oldest: datetime | None
    refused: int


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

    A record that a no was written to stands at no by itself from now on: whoever lifts it has to lift it there, after
    a pull has read it back. Until then nobody knows that the side has read it.
    """
    store_confirmed_values(connection, confirmed, written_by)
    _close(connection, accepted, now)
    _stand(connection, accepted, Cause.DELIVERED, max(written_by, now + _AFTER), now)


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
