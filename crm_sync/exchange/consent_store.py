"""Consent on its way to Deployteq, and what follows here from what Deployteq says."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from sqlalchemy import Connection, and_, case, literal, or_, select

from crm_sync.consent.deployteq_store import is_due_no, says_no_here
from crm_sync.consent.queue_store import queue_withdrawals
from crm_sync.consent.readings_store import customers_of
from crm_sync.consent.standing_store import refresh_consent, stands_at_no
from crm_sync.consent_words import SAYS_NO, Channel
from crm_sync.database.tables.customers import customer
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


def settle(connection: Connection, exchange: Exchange, hashes: pd.Series) -> None:
    """Let customers have what follows for these addresses, and queue what Salesforce is to be written of it."""
    if hashes.empty:
        return
    now = exchange.clock()
    touched = customers_of(connection, hashes)
    channels = {channel for some in exchange.rules.linked_consent.values() for channel in some}
    refresh_consent(connection, touched, now, linked=channels)
    queue_withdrawals(connection, touched, exchange.rules.linked_consent, now)


def read_due_consent(connection: Connection, brand: str) -> list[DueConsent]:
    """Return the records whose consent differs from their customer's: noes first, to doubles too; then lifting yeses.

    A customer that was joined to another one is not mailed by itself. Nothing is written over a yes of Deployteq
    that waits to be judged by the next pull.
    """
    due = [one for channel in Channel for one in _due(connection, brand, channel)]
    return sorted(due, key=lambda one: not one.says_no)[:_MOST_AT_ONCE]


def _due(connection: Connection, brand: str, channel: Channel) -> list[DueConsent]:
    mirror, stands, says = deployteq_customer.c, customer.c[channel.customer_field], SAYS_NO[channel]
    is_no = says_no_here(channel)
    # Deployteq's own default for SMS is no, which nobody said and a yes from elsewhere does not lift.
    may_lift = and_(literal(channel is Channel.EMAIL), ~mirror.is_double)
    is_lift = and_(may_lift, stands.is_(True), mirror[says], ~stands_at_no(customer, channel), ~is_no)
    query = (
        select(mirror.deployteq_id, customer.c.id, case((is_no, True), else_=False))
        .join_from(deployteq_customer, customer, customer.c.id == mirror.customer_id)
        .where(
            mirror.brand == brand,
            mirror.deleted_there_at.is_(None),
            or_(is_due_no(channel), is_lift),
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
