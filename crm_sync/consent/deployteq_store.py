"""The noes that Deployteq does not know of yet: what is due to be written there, how much, and since when."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from crm_sync.consent.overview_store import NOT_IN_DEPLOYTEQ, TOO_OLD
from crm_sync.consent_words import SAYS_NO, Channel, Side
from crm_sync.database.tables.consent import address_consent, consent_candidate
from crm_sync.database.tables.customers import Instant, customer
from crm_sync.database.tables.deployteq import deployteq_customer


@dataclass(frozen=True)
class WaitingNoes:
    """How many records in Deployteq lack their customer's no, and since when the first of them does."""

    number: int = 0
    oldest: datetime | None = None

    def sentence(self) -> str:
        """Say how many there are."""
        since = f", the oldest since {self.oldest:%Y-%m-%d %H:%M} UTC" if self.oldest else ""
        return f"Opt-outs that Deployteq does not know of yet: {self.number:,}{since}."


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
            .where(deployteq_customer.c.deleted_there_at.is_(None), is_due_no(channel))
        )
        found, first = connection.execute(query).one()
        number += found
        oldest += [first] if found else []
    return WaitingNoes(number, min(oldest, default=None))


def find_waiting_alert(waiting: WaitingNoes, now: datetime) -> dict[str, str]:
    """Return the reason of the alert about noes that Deployteq does not know of, by the alert's name."""
    is_too_old = waiting.oldest is not None and now - waiting.oldest > TOO_OLD
    return {NOT_IN_DEPLOYTEQ: waiting.sentence()} if is_too_old else {}


def says_no_here(channel: Channel) -> ColumnElement[bool]:
    """Tell whether a customer stands at no; one that was joined to another is not mailed by itself."""
    return or_(customer.c[channel.customer_field].is_(False), customer.c.merged_into_customer_id.is_not(None))


def is_due_no(channel: Channel) -> ColumnElement[bool]:
    """Tell whether a record in Deployteq lacks its customer's no, and no yes from there waits to be judged."""
    yes = consent_candidate.c
    waits = exists(
        select(yes.id).where(
            yes.side == Side.DEPLOYTEQ.value,
            yes.channel == channel.value,
            yes.address_hash == customer.c.address_hash,
        )
    )
    return and_(says_no_here(channel), deployteq_customer.c[SAYS_NO[channel]].is_(False), ~waits)
