"""The way in for consent that is given or taken here: one call, which may be repeated."""

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, select, update

from crm_sync.columns.address_hash import address_or_key, normalise_address
from crm_sync.consent.ledger_store import drop_candidates, enter_sayings
from crm_sync.consent.standing_store import gather, refresh_consent
from crm_sync.consent_words import Cause, Channel, Kind, Said, Side
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from crm_sync.errors import ConfigurationError


def record_consent(
    database: CustomerDatabase,
    who: str | int,
    said: Said | str,
    now: datetime,
    *,
    channel: Channel | str = Channel.EMAIL,
    cause: Cause | str | None = None,
    said_at: datetime | None = None,
    reference: str = "",
) -> bool:
    """Enter what a person said about being mailed, and return whether a customer has that address.

    A no acts at once, also for an address that no customer has, and goes to Salesforce with the next run. A yes lifts
    the noes that came before it; the next pull judges it, when what Salesforce says is known too.

    `who`: an e-mail address, or the id of a customer. `said`: `no` or `yes`. `channel`: `email` or `sms`. `cause`:
    `unsubscribed` (of a no, if left out), `complaint` (only the person takes that back), `subscribed` (of a yes).
    `said_at`: when, with a time zone; now, if left out. `reference`: the contact moment, for example.
    Raises ConfigurationError for a customer who is not there.
    """
    saying, via = Said(said), Channel(channel)
    why = Cause(cause) if cause else Cause.SUBSCRIBED if saying is Said.YES else Cause.UNSUBSCRIBED
    with database.transaction() as connection:
        address_hash, customers = _find(connection, database, who)
        at = min(said_at or now, now)
        place = {"address_hash": address_hash, "channel": via.value, "side": Side.HERE.value, "reference": ""}
        words = {"said": saying.value, "kind": Kind.PERSON.value, "cause": why.value}
        row = {**place, **words, "customer_id": customers[0] if customers else pd.NA, "not_before": at, "not_after": at}
        frame = pd.DataFrame([row])
        if saying is Said.NO:
            drop_candidates(connection, frame)
        enter_sayings(connection, frame, run=None, now=now)
        touched = gather(connection, select(customer.c.id).where(customer.c.address_hash == address_hash))
        if touched is not None:
            refresh_consent(connection, touched, now)
    return bool(customers)


def _find(connection: Connection, database: CustomerDatabase, who: str | int) -> tuple[int, list[int]]:
    """Return the hash of an address, and the customers who have it."""
    if isinstance(who, str):
        address_hash = database.hashes.of(normalise_address(who))
        having = select(customer.c.id).where(customer.c.address_hash == address_hash).order_by(customer.c.id)
        return address_hash, list(connection.scalars(having))
    names = ["address_hash", "email_address", "unique_key"]
    found = connection.execute(select(*(customer.c[name] for name in names)).where(customer.c.id == who)).one_or_none()
    if found is None:
        raise ConfigurationError(f"There is no customer {who}; look the id up in the table customer.")
    if found.address_hash is not None:
        return found.address_hash, [who]
    address_hash = database.hashes.of(address_or_key(found.email_address, found.unique_key))
    connection.execute(update(customer).where(customer.c.id == who).values(address_hash=address_hash))
    return address_hash, [who]
