"""Consent on its way to Deployteq, and what follows here from what Deployteq says."""

from dataclasses import dataclass

import pandas as pd
from sqlalchemy import Connection, and_, case, or_, select

from crm_sync.consent.delivery_store import queue_withdrawals
from crm_sync.consent.readings_store import customers_of
from crm_sync.consent.standing_store import refresh_consent, stands_at_no
from crm_sync.consent_words import Channel, Side
from crm_sync.database.tables.consent import consent_candidate
from crm_sync.database.tables.customers import customer
from crm_sync.database.tables.deployteq import deployteq_customer
from crm_sync.exchange.exchange import Exchange

_MOST_AT_ONCE = 2_000


@dataclass(frozen=True)
class DueConsent:
    """A record there whose consent to e-mail is to be written; `says_no` is the new value."""

    deployteq_id: int
    customer_id: int
    says_no: bool


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
    mirror = deployteq_customer.c
    is_no = or_(customer.c.opt_in.is_(False), customer.c.merged_into_customer_id.is_not(None))
    is_lift = and_(customer.c.opt_in.is_(True), mirror.says_no_email, ~stands_at_no(customer, Channel.EMAIL), ~is_no)
    waits = (
        select(consent_candidate.c.id)
        .where(
            consent_candidate.c.side == Side.DEPLOYTEQ.value,
            consent_candidate.c.channel == Channel.EMAIL.value,
            consent_candidate.c.address_hash == customer.c.address_hash,
        )
        .exists()
    )
    query = (
        select(mirror.deployteq_id, customer.c.id, case((is_no, True), else_=False))
        .join_from(deployteq_customer, customer, customer.c.id == mirror.customer_id)
        .where(
            mirror.brand == brand,
            mirror.deleted_there_at.is_(None),
            or_(and_(is_no, mirror.says_no_email.is_(False), ~waits), and_(is_lift, ~mirror.is_double)),
        )
        .order_by(case((is_no, 0), else_=1), mirror.deployteq_id)
        .limit(_MOST_AT_ONCE)
    )
    return [DueConsent(row[0], row[1], bool(row[2])) for row in connection.execute(query)]


def may_be_mailed(connection: Connection, customer_id: int) -> bool:
    """Return whether no no stands for a customer."""
    query = select(customer.c.id).where(
        customer.c.id == customer_id,
        customer.c.opt_in.is_(True),
        customer.c.merged_into_customer_id.is_(None),
        ~stands_at_no(customer, Channel.EMAIL),
    )
    return connection.scalar(query) is not None
