"""How consent stands for all: noes since when, withdrawals under way and how old, and what is not known any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Connection, func, select

from crm_sync.consent.delivery_store import Waiting, count_waiting
from crm_sync.consent_words import Said
from crm_sync.database.frames import frame_of
from crm_sync.database.tables.consent import (
    address_consent,
    consent_candidate,
    consent_delivery,
    consent_event,
    consent_gap,
    is_waiting,
)
from crm_sync.database.tables.customers import customer

# A withdrawal that Salesforce does not hold after so long needs somebody.
TOO_OLD = timedelta(hours=1)
CONSENT = "consent"
UNDER_WAY, UNKNOWN, NOT_IN_DEPLOYTEQ = f"{CONSENT}.under-way", f"{CONSENT}.unknown", f"{CONSENT}.not-in-deployteq"


@dataclass(frozen=True)
class ConsentOverview:
    """`standing`: addresses at no. `said`: noes seen in the last day and in the last week. `refusals`: codes of
    Salesforce with the withdrawals they keep waiting. `candidates`: yeses that wait to be judged. `gaps`: sObject,
    channel and since when Salesforce no longer shows who said no."""

    standing: int
    said: tuple[int, int]
    waiting: Waiting
    refusals: Sequence[tuple[str, int]]
    candidates: int
    gaps: Sequence[tuple[str, str, datetime]]

    def sentence(self) -> str:
        """Say in one sentence whether every no is where it belongs."""
        if self.gaps:
            objects = " and ".join(sorted({sobject for sobject, _, _ in self.gaps}))
            return f"Salesforce no longer shows which {objects} records said no; their customers are not mailable."
        if self.waiting.number:
            return (
                f"{self.waiting.number:,} withdrawals of consent are not in Salesforce yet, the oldest since "
                f"{self.waiting.oldest:%Y-%m-%d %H:%M} UTC; {self.waiting.refused:,} were refused."
            )
        return f"Salesforce holds every no that it can; {self.standing:,} addresses stand at no."


def read_overview(connection: Connection, now: datetime) -> ConsentOverview:
    """Return how consent stands now."""

    def noes_since(age: timedelta) -> int:
        is_no = consent_event.c.said == Said.NO.value
        return connection.scalar(select(func.count()).where(is_no, consent_event.c.seen_at > now - age)) or 0

    code = consent_delivery.c.error_code
    refused = select(code, func.count()).where(is_waiting(), code.is_not(None)).group_by(code).order_by(code)
    standing = select(func.count(func.distinct(address_consent.c.address_hash)))
    return ConsentOverview(
        standing=connection.scalar(standing) or 0,
        said=(noes_since(timedelta(days=1)), noes_since(timedelta(days=7))),
        waiting=count_waiting(connection),
        refusals=[(row[0], row[1]) for row in connection.execute(refused)],
        candidates=connection.scalar(select(func.count()).select_from(consent_candidate)) or 0,
        gaps=[(row.sobject, row.channel, row.since) for row in connection.execute(select(consent_gap))],
    )


def find_consent_alerts(overview: ConsentOverview, now: datetime) -> dict[str, str]:
    """Return the reason of each alert about consent, by the alert's name."""
    found = {}
    if overview.waiting.oldest is not None and now - overview.waiting.oldest > TOO_OLD:
        found[UNDER_WAY] = overview.sentence()
    if overview.gaps:
        found[UNKNOWN] = overview.sentence()
    return found


def read_candidates(connection: Connection) -> pd.DataFrame:
    """Return everybody whose yes waits to be judged: `customer_id`, `channel`, `side`, `record`, `seen_at`."""
    names = ["customer_id", "channel", "side", "record", "seen_at"]
    yes = consent_candidate.c
    query = (
        select(customer.c.id, yes.channel, yes.side, yes.reference, yes.seen_at)
        .join_from(consent_candidate, customer, customer.c.address_hash == yes.address_hash, isouter=True)
        .order_by(yes.id, customer.c.id)
    )
    return frame_of(connection.execute(query), names, dtype="object")
