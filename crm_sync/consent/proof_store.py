"""The proof of consent of one person: who said what when, when it was seen, and where it was delivered when."""

from dataclasses import dataclass

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Table, or_, select, table, union
from sqlalchemy import column as named_column

from crm_sync.columns.address_hash import AddressHash, normalise_address
from crm_sync.database.frames import frame_of
from crm_sync.database.tables.consent import address_consent, consent_candidate, consent_delivery, consent_event
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.salesforce.record_ids import full_id

_SAID = ["channel", "side", "reference"]
_EVENT = [*_SAID, "said", "kind", "cause", "not_before", "not_after", "seen_at", "sync_run_id"]
_STANDING = [*_SAID, "cause", "since", "not_after", "seen_at"]
_CANDIDATE = [*_SAID, "kind", "not_before", "seen_at"]
_DELIVERY = ["channel", "said", "sobject", "record_id", "queued_at", "delivered_at", "ended_at", "tries", "error_code"]
_MAILABLE = ["customer_id", "is_mailable", "reason"]
_VIEW = table("customer_mailable", *(named_column(name) for name in _MAILABLE))
_CUSTOMER = [*_MAILABLE, "is_own"]


@dataclass(frozen=True)
class ConsentChain:
    """All that is known of the consent of one address; no part holds a personal value.

    `customers`: `customer_id`, `is_mailable`, `reason`, `is_own` (false: one that was joined to the person's).
    `events`: what was said, oldest first. `standing`: the noes that no yes has lifted. `candidates`: yeses that wait to
    be judged. `deliveries`: what was written to which record, or waits to be.
    """

    customers: pd.DataFrame
    events: pd.DataFrame
    standing: pd.DataFrame
    candidates: pd.DataFrame
    deliveries: pd.DataFrame

    @property
    def is_known(self) -> bool:
        """Whether there is a customer with the address, or anything was ever said for it."""
        return bool(len(self.customers) or len(self.events))


def read_chain(connection: Connection, hashes: AddressHash, who: str) -> ConsentChain:
    """Return the chain of a person, given by an e-mail address or by the Id of a lead or contact."""
    address_hash = _hash_of(connection, hashes, who.strip())
    own = select(customer.c.id).where(customer.c.address_hash == address_hash)
    # With whoever was joined to the person: their noes count too.
    ids = union(own, select(customer.c.id).where(customer.c.merged_into_customer_id.in_(own)))
    addresses = select(customer.c.address_hash).where(customer.c.id.in_(ids))

    def said(source: Table) -> ColumnElement[bool]:
        return or_(source.c.address_hash == address_hash, source.c.address_hash.in_(addresses))

    is_own = _VIEW.c.customer_id.in_(own).label("is_own")
    people = select(*_VIEW.c, is_own).where(_VIEW.c.customer_id.in_(ids)).order_by(_VIEW.c.customer_id)
    delivered = consent_delivery.c.customer_id.in_(ids)
    return ConsentChain(
        customers=frame_of(connection.execute(people), _CUSTOMER),
        events=_read(connection, consent_event, _EVENT, said(consent_event)),
        standing=_read(connection, address_consent, _STANDING, said(address_consent)),
        candidates=_read(connection, consent_candidate, _CANDIDATE, said(consent_candidate)),
        deliveries=_read(connection, consent_delivery, _DELIVERY, delivered),
    )


def _hash_of(connection: Connection, hashes: AddressHash, who: str) -> int | None:
    if not (record := full_id(who)):
        return hashes.of(normalise_address(who))
    return connection.scalar(select(salesforce_record.c.address_hash).where(salesforce_record.c.id == record))


def _read(connection: Connection, source: Table, names: list[str], wanted: ColumnElement[bool]) -> pd.DataFrame:
    rows = connection.execute(select(*(source.c[name] for name in names)).where(wanted).order_by(source.c.id))
    return frame_of(rows, names)
