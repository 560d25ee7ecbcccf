"""Consent on its way to Deployteq, and what follows here from what Deployteq says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, literal, or_, select

from crm_sync.consent.overview_store import NOT_IN_DEPLOYTEQ, TOO_OLD
from crm_sync.consent.queue_store import queue_withdrawals
from crm_sync.consent.readings_store import customers_of
from crm_sync.consent.standing_store import refresh_consent, stands_at_no
from crm_sync.consent_words import SAYS_NO, Channel, Side
from crm_sync.database.tables.consent import address_consent, consent_candidate
from crm_sync.database.tables.customers import Instant, customer
from crm_sync.database.tables.deployteq import deployteq_customer
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.values import CONSENT

_MOST_AT_ONCE = 2_000


@dataclass(frozen=True)
class DueConsent:
    """A record there whose consent is to be written; `says_no` is the new value."""

    deployteq_id: int
    customer_id: int
    channel: Channel
    says_no: bool


@dataclass(frozen=True)
class WaitingNoes:
    """How many records in Deployteq lack their customer's no, and since when the first of them does."""

    number: int = 0
    oldest: datetime | None = None

    def sentence(self) -> str:
        """Say how many there are."""
        since = f", the oldest since {self.oldest:%Y-%m-%d %H:%M} UTC" if self.oldest else ""
        return f"Opt-outs that Deployteq does not know of yet: {self.number:,}{since}."


def settle(connection: Connection, exchange: Exchange, hashes: pd.Series) -> None:
    """Let customers have what follows for these addresses, and queue what Salesforce is to be written of it."""
    if hashes.empty:
        return
    now = exchange.clock()
    touched = customers_of(connection, hashes)
    channels = {channel for some in exchange.linked_consent.values() for channel in some}
    refresh_consent(connection, touched, now, linked=channels)
    queue_withdrawals(connection, touched, exchange.linked_consent, now)


def read_due_consent(connection: Connection, brand: str) -> list[DueConsent]:
    """Return the records whose consent differs from their customer's: noes first, to doubles too; then lifting yeses.

    A customer that was joined to another one is not mailed by itself. Nothing is written over a yes of Deployteq
    that waits to be judged by the next pull.
    """
    due = [one for channel in Channel for one in _due(connection, brand, channel)]
    return sorted(due, key=lambda one: not one.says_no)[:_MOST_AT_ONCE]


def read_waiting_noes(connection: Connection) -> WaitingNoes:
    """Return of how many records in Deployteq, of any brand, it is not known there that their customer says no."""
    number, oldest = 0, list[datetime]()
    for channel in Channel:
        no = address_consent.c
        seen = select(func.min(no.seen_at)).where(
            no.address_hash == customer.c.address_hash, no.channel == channel.value
        )
        since = func.coalesce(seen.scalar_subquery(), customer.c.modified_at, type_=Instant())
        query = (
            select(func.count(), func.min(since, type_=Instant()))
            .join_from(deployteq_customer, customer, customer.c.id == deployteq_customer.c.customer_id)
            .where(deployteq_customer.c.deleted_there_at.is_(None), _is_due_no(channel))
        )
        found, first = connection.execute(query).one()
        number += found
        oldest += [first] if found else []
    return WaitingNoes(number, min(oldest, default=None))


def find_waiting_alert(waiting: WaitingNoes, now: datetime) -> dict[str, str]:
    """Return the reason of the alert about noes that Deployteq does not know of, by the alert's name."""
    is_too_old = waiting.oldest is not None and now - waiting.oldest > TOO_OLD
    return {NOT_IN_DEPLOYTEQ: waiting.sentence()} if is_too_old else {}


def _due(connection: Connection, brand: str, channel: Channel) -> list[DueConsent]:
    mirror, stands, says = deployteq_customer.c, customer.c[channel.customer_field], SAYS_NO[channel]
    is_no = _is_no(channel)
    # Deployteq's own default for SMS is no, which nobody said and a yes from elsewhere does not lift.
    may_lift = and_(literal(channel is Channel.EMAIL), ~mirror.is_double)
    is_lift = and_(may_lift, stands.is_(True), mirror[says], ~stands_at_no(customer, channel), ~is_no)
    query = (
        select(mirror.deployteq_id, customer.c.id, case((is_no, True), else_=False))
        .join_from(deployteq_customer, customer, customer.c.id == mirror.customer_id)
        .where(
            mirror.brand == brand,
            mirror.deleted_there_at.is_(None),
            or_(_is_due_no(channel), is_lift),
        )
        .order_by(case((is_no, 0), else_=1), mirror.deployteq_id)
        .limit(_MOST_AT_ONCE)
    )
    return [DueConsent(row[0], row[1], channel, bool(row[2])) for row in connection.execute(query)]


def is_free(connection: Connection, customer_id: int, channel: Channel) -> bool:
    """Return whether a customer stands at yes."""
    query = select(customer.c.id).where(
        customer.c.id == customer_id,
        customer.c[channel.customer_field].is_(True),
        customer.c.merged_into_customer_id.is_(None),
        ~stands_at_no(customer, channel),
    )
    return connection.scalar(query) is not None


def read_consents(connection: Connection, customers: Sequence[int]) -> dict[int, dict[str, bool]]:
    """Return what customers stand at now, by Deployteq's names; nothing known is a no."""
    fields = {field: customer.c[channel.customer_field] for channel, field in CONSENT.items()}
    # A batch is small, and this is asked before each call: for a temporary table it would not be worth while.
    rows = connection.execute(select(customer.c.id, *fields.values()).where(customer.c.id.in_(customers)))
    return {row[0]: {field: bool(value) for field, value in zip(fields, row[1:], strict=True)} for row in rows}


def _is_no(channel: Channel) -> ColumnElement[bool]:
    return or_(customer.c[channel.customer_field].is_(False), customer.c.merged_into_customer_id.is_not(None))


def _is_due_no(channel: Channel) -> ColumnElement[bool]:
    yes = consent_candidate.c
    waits = exists(
        select(yes.id).where(
            yes.side == Side.DEPLOYTEQ.value,
            yes.channel == channel.value,
            yes.address_hash == customer.c.address_hash,
        )
    )
    return and_(_is_no(channel), deployteq_customer.c[SAYS_NO[channel]].is_(False), ~waits)
