"""Consent in the landing of a batch: taken from the records before, settled for the customers after it."""

import pandas as pd
from sqlalchemy import Connection, Select, Table, exists, or_, select, union

from crm_sync.consent.here_store import notice_changes_here
from crm_sync.consent.queue_store import queue_withdrawals
from crm_sync.consent.readings_store import (
    ReadingContext,
    carry_along,
    customers_of,
    enter_first_readings,
    enter_readings,
)
from crm_sync.consent.standing_store import customers_with, follow_addresses, gather, refresh_consent
from crm_sync.consent_words import SAYS_NO
from crm_sync.customers.landing_context import LandingContext
from crm_sync.database.staging import stage
from crm_sync.database.tables.consent import address_consent
from crm_sync.database.tables.customers import customer
from crm_sync.sobject import SObject


def take_consent(
    connection: Connection,
    records: pd.DataFrame,
    staged: Table,
    sobject: SObject,
    landing: LandingContext,
    *,
    has_matches: bool,
) -> Select[tuple[int]]:
    """Enter what was said here, and what the records say, about consent. `has_matches`: as for `settle_consent`.

    Returns a query of the customers who may be concerned, apart from those of the records themselves.
    """
    noticed = notice_changes_here(connection, landing.hashes, run=landing.sync_run_id, now=landing.noticed_at)
    context = ReadingContext(landing.sync_run_id, landing.now, landing.known_until, landing.new_consent)
    if has_matches:
        hashes = enter_readings(connection, staged, sobject, context)
        hashes = pd.concat([hashes, carry_along(connection, staged, context)])
        concerned = [customers_of(connection, hashes)]
    else:
        # Those who are there before this batch: of a customer that it makes, its own no is no news.
        of_hash = customers_of(connection, enter_first_readings(connection, records, context))
        of_key = select(customer.c.id).join(staged, staged.c.unique_key == customer.c.unique_key)
        known = union(of_hash, of_key.where(or_(*(staged.c[name] for name in SAYS_NO.values()))))
        noticed = pd.concat([noticed, pd.Series(connection.scalars(known).all(), dtype="Int64")])
        concerned = []
    if len(noticed) or not concerned:
        concerned.append(customers_with(connection, noticed))
    if has_matches:
        # Of a customer that is parted from the one it was joined to, both are concerned.
        joined = select(customer.c.merged_into_customer_id).join(staged, staged.c.unique_key == customer.c.unique_key)
        ids = connection.scalars(joined.where(customer.c.merged_into_customer_id.is_not(None)).distinct()).all()
        frame = pd.DataFrame({"id": pd.Series(ids, dtype="Int64")})
        kept = stage(connection, "staged_joined", frame, {"id": customer.c.id.type})
        concerned.append(select(kept.c.id))
    everyone = union(*concerned).subquery()
    return select(everyone.c[0])


def settle_consent(
    connection: Connection, staged: Table, concerned: Select[tuple[int]], landing: LandingContext, *, has_matches: bool
) -> None:
    """Let the noes go along with changed addresses, set what the customers stand at, and queue what Salesforce lacks.

    `has_matches`: whether the mirror held any of the records before. Of new ones only those are looked at for whose
    address a no stands that is not their own: for the others, the customer has what the record says.
    """
    of_batch = select(customer.c.id).join(staged, staged.c.unique_key == customer.c.unique_key)
    if has_matches:
        into = select(customer.c.merged_into_customer_id).join(staged, staged.c.unique_key == customer.c.unique_key)
        touched = gather(connection, of_batch, concerned, into.where(customer.c.merged_into_customer_id.is_not(None)))
    else:
        same_address = address_consent.c.address_hash == staged.c.address_hash
        stands = exists(select(address_consent.c.id).where(same_address, address_consent.c.reference != staged.c.id))
        # First the few addresses at which a no stands, then their customers.
        at_no = select(customer.c.id).where(customer.c.unique_key.in_(select(staged.c.unique_key).where(stands)))
        touched = gather(connection, of_batch if landing.hidden_consent else at_no, concerned)
    if touched is None:
        return
    follow_addresses(connection, touched, landing.hashes, run=landing.sync_run_id, now=landing.now)
    linked = landing.rules.linked_consent
    channels = {channel for some in linked.values() for channel in some}
    refresh_consent(connection, touched, landing.now, linked=channels, hidden=landing.hidden_consent)
    queue_withdrawals(connection, touched, linked, landing.now)
