"""The end of a cycle: every side was read, so the waiting yeses are judged, and Salesforce is to get what it lacks."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, func, select

from crm_sync.columns.address_hash import AddressHash
from crm_sync.consent.delivery_store import close_settled
from crm_sync.consent.here_store import note_look, notice_changes_here
from crm_sync.consent.ledger_store import Judged, judge_candidates
from crm_sync.consent.many_noes_store import most_at_once, take_many_noes
from crm_sync.consent.queue_store import queue_lifts, queue_withdrawals
from crm_sync.consent.readings_store import customers_of
from crm_sync.consent.standing_store import customers_with, gather, refresh_consent
from crm_sync.consent_words import Cause, Channel, Side
from crm_sync.database.dialects import look_up_by_index
from crm_sync.database.tables.consent import consent_candidate
from crm_sync.database.tables.customers import customer
from crm_sync.runs.let_through_store import count_anew, note_let_through, read_let_through
from crm_sync.sobject import SObject

# The effect that people would be mailed again, among those of crm_sync.holds.rule.
_LIFTED = "mailed again"


@dataclass(frozen=True)
class Cycle:
    """A run at the end of which the waiting yeses are judged; `now`: when it began.

    `clock`: when something said here is noticed; `now`, if left out. `linked`: the channels that each
    object's mapping has a field for. `users_may_lift`: whether a Salesforce user may subscribe a person again.
    `lifts_approved`: a person has approved the yeses that were held back. `shown_again`: objects of which Salesforce
    shows an opt-out field again; what was said of their customers meanwhile counts from now on.
    """

    hashes: AddressHash
    run: int
    now: datetime
    linked: Mapping[SObject, Collection[Channel]]
    users_may_lift: bool = True
    lifts_approved: bool = False
    shown_again: Collection[SObject] = ()
    clock: Callable[[], datetime] | None = None


def close_cycle(connection: Connection, cycle: Cycle) -> Judged:
    """Enter what was said here, judge the waiting yeses, set what follows, and queue what Salesforce is to be written.

    The caller has landed what every mapped object of Salesforce says; belongs in a transaction of its own.
    """
    look_up_by_index(connection)
    at = cycle.clock() if cycle.clock else cycle.now
    noticed = notice_changes_here(connection, cycle.hashes, run=cycle.run, now=at)
    note_look(connection, cycle.now)
    before = read_let_through(connection, cycle.now).get(_LIFTED, 0)
    judged = judge_candidates(
        connection,
        users_may_lift=cycle.users_may_lift,
        most_lifts=None if cycle.lifts_approved else _most_lifts(connection, before),
        lifted_before=before,
        run=cycle.run,
        now=cycle.now,
    )
    _note_lifts(connection, judged, cycle)
    # Also of those whose yes took nothing back: Salesforce, where it may have been said, is to hold the no again.
    asked = customers_of(connection, judged.hashes)
    waited = [select(customer.c.id).where(customer.c.salesforce_object == str(one)) for one in cycle.shown_again]
    touched = gather(connection, customers_with(connection, noticed), asked, *waited)
    channels = {channel for some in cycle.linked.values() for channel in some}
    if touched is not None:
        refresh_consent(connection, touched, cycle.now, linked=channels)
    close_settled(connection, cycle.now)
    if touched is not None:
        queue_withdrawals(connection, touched, cycle.linked, cycle.now)
    # A yes of the person goes to every record, and one of a user to those that hold a no by this product's write only.
    goes = judged.lifted["side"].ne(Side.SALESFORCE.value) | judged.lifted["cause"].eq(Cause.DELIVERED.value)
    if goes.any():
        queue_lifts(
            connection, customers_of(connection, judged.lifted.loc[goes, "address_hash"]), cycle.linked, cycle.now
        )
    return replace(judged, many_noes=take_many_noes(connection))


def _most_lifts(connection: Connection, before: int) -> int:
    waiting = connection.scalar(select(func.count()).select_from(consent_candidate)) or 0
    return most_at_once(connection, waiting + before)


def _note_lifts(connection: Connection, judged: Judged, cycle: Cycle) -> None:
    by_users = judged.lifted.loc[judged.lifted["side"].eq(Side.SALESFORCE.value), "address_hash"].nunique()
    if not by_users:
        return
    if cycle.lifts_approved:
        count_anew(connection, [_LIFTED])
    else:
        note_let_through(connection, {_LIFTED: by_users}, cycle.now)
