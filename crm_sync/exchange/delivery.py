"""Delivers customers to Deployteq: only what differs, in batches by the identity; a kill spoils nothing."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from crm_sync.errors import ConfigurationError, PersonNeededError
from crm_sync.exchange.candidates_store import count_changed_there, count_new, read_candidates
from crm_sync.exchange.connection_store import ConnectionState, note_connection, read_connection
from crm_sync.exchange.consent import deliver_consent_there
from crm_sync.exchange.delivered import keep_refused
from crm_sync.exchange.differences import Difference, compare_page
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.inserts import insert, without_known
from crm_sync.exchange.joined import group_joined
from crm_sync.exchange.missing_store import make_again
from crm_sync.exchange.outcome import ADDRESS_TOO_LONG, Delivered
from crm_sync.exchange.probe_store import clearing_value, missing_options, unsafe_findings
from crm_sync.exchange.updates import update, ways
from crm_sync.exchange.values import OPTION, cells_by_field, linked_fields, our_values

_PAGE = 4_000
# A first delivery may be cut: for so long after its approval nobody is asked again.
_FIRST_DELIVERY = timedelta(days=7)
_AT_LEAST = 50
# Of the customers: when values of more were emptied in Deployteq, a person looks first.
_MOST_EMPTIED = 0.2
# So few new ones are looked for by their address: somebody may have come there by a form since the last reading.
_LOOKED_UP = 100


@dataclass(frozen=True)
class _Plan:
    """How many customers may be made, whether they are looked for first, the stamp that they get, what is linked."""

    most_new: int
    new: int
    looks_up: bool
    stamp: str
    lacking: frozenset[str]
    linked: set[str]
    clears_with: str | None
    holds_emptied: bool


def deliver(
    exchange: Exchange, *, approved: bool = False, dry_run: bool = False, again: Sequence[int] = ()
) -> Delivered:
    """Deliver what differs; raises ConfigurationError before a pairing, PersonNeededError before it is accepted.

    `again`: customers that were deleted in Deployteq, and that a person wants to be made there again.
    """
    released = 0
    if again and not dry_run:
        with exchange.database.transaction() as connection:
            released = make_again(connection, exchange.brand, again)
    plan, calls_before = _plan(exchange, approved=approved, dry_run=dry_run), exchange.account.calls
    delivered, left = Delivered(lacking=plan.lacking, again=released), plan.most_new
    for candidates in _pages(exchange):
        page, found = candidates, 0
        if not dry_run:
            page, found = without_known(exchange, candidates, looks_up=plan.looks_up and left > 0)
        delivered.found += found
        ours, cleaned = our_values(page, plan.linked, exchange.settings.salesforce_id_field)
        delivered.cleaned += cleaned
        page, ours = _without_too_long(exchange, page, ours, delivered, dry_run=dry_run)
        delivered.left_out.update(cells_by_field(ours.isna()))
        is_new = page["deployteq_id"].isna()
        new, known = page[is_new].head(left), page[~is_new]
        difference = compare_page(
            exchange,
            known,
            ours.loc[known.index],
            plan.linked,
            dry_run=dry_run,
            holds_emptied=plan.holds_emptied,
        )
        delivered.taken += difference.taken
        delivered.conflicts += difference.conflicts
        delivered.reported.update(difference.reported)
        delivered.to_salesforce += len(difference.to_salesforce)
        delivered.held += len(difference.emptied) if plan.holds_emptied else 0
        delivered.calls_forecast += _forecast(exchange, difference, len(new), looks_up=plan.looks_up)
        if dry_run:
            delivered.made += len(new)
            delivered.updated += len(difference.sends)
        else:
            update(exchange, known, difference, delivered, clears_with=plan.clears_with)
            insert(exchange, new, ours, plan.linked, plan.stamp, delivered)
        left -= len(new)
    if delivered.found:
        # A no of theirs that stands here does not wait for the next run.
        deliver_consent_there(exchange)
    if not dry_run:
        group_joined(exchange, delivered)
    delivered.calls = exchange.account.calls - calls_before
    delivered.waiting = max(plan.new - plan.most_new, 0)
    return delivered


def count_too_long(exchange: Exchange) -> Counter[str]:
    """Return how many of the customers that are to be delivered have a value that does not fit, by field."""
    found, linked = Counter[str](), _linked(exchange, frozenset())
    for page in _pages(exchange):
        ours, _ = our_values(page, linked, exchange.settings.salesforce_id_field)
        found.update(cells_by_field(ours.isna()))
    return found


def _without_too_long(
    exchange: Exchange, page: pd.DataFrame, ours: pd.DataFrame, delivered: Delivered, *, dry_run: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Refuse customers whose address does not fit, for somebody to see: Deployteq would keep the one of before."""
    is_too_long = ours["emailAddress"].isna()
    refused = {int(one): ADDRESS_TOO_LONG for one in page.index[is_too_long]}
    delivered.refuse(refused)
    if not dry_run:
        keep_refused(exchange, page, refused)
    return page[~is_too_long], ours[~is_too_long]


def _plan(exchange: Exchange, *, approved: bool, dry_run: bool) -> _Plan:
    now = exchange.clock()
    with exchange.database.transaction() as connection:
        state = read_connection(connection, exchange.brand)
        if approved and not dry_run and state.is_accepted:
            note_connection(connection, exchange.brand, approved_at=now)
        new = count_new(connection, exchange.brand, now)
        unsafe = unsafe_findings(connection, exchange.brand)
        lacking = frozenset(missing_options(connection, exchange.brand))
        clears = clearing_value(connection, exchange.brand)
    _refuse_unready(state, unsafe)
    linked = _linked(exchange, lacking)
    most_new, is_stamped = _most_new(exchange, state, new, now, approved=approved)
    stamp = f"{now:%Y-%m-%d}" if exchange.settings.stamp_field and is_stamped else ""
    holds = not approved and _is_emptied_by_mistake(exchange, linked)
    return _Plan(min(most_new, new), new, new <= _LOOKED_UP, stamp, lacking, linked, clears, holds)


def _linked(exchange: Exchange, lacking: frozenset[str]) -> set[str]:
    linked = linked_fields(exchange.rules) - {OPTION + name for name in lacking}
    own = exchange.settings.salesforce_id_field
    return linked | {OPTION + own} if own else linked


def _refuse_unready(state: ConnectionState, unsafe: list[str]) -> None:
    if unsafe:
        raise ConfigurationError(
            "Nothing is delivered, since Deployteq behaves otherwise than is safe; deployteq-pairing with 'May "
            f"write test customers' ticked looks again. {'; '.join(unsafe)}."
        )
    if state.paired_at is None:
        raise ConfigurationError(
            "Nobody knows yet who is who in Deployteq; run deployteq-pairing, and look at its page, before anything is "
            "delivered."
        )
    if not state.is_accepted:
        raise PersonNeededError(
            "Look at the page of the last deployteq-pairing; if it is right, tick 'Accept the pairing' in the form of "
            "deployteq-pairing. Nothing is delivered before."
        )


def _most_new(
    exchange: Exchange, state: ConnectionState, new: int, now: datetime, *, approved: bool
) -> tuple[int, bool]:
    """Return how many customers may be made, and whether they carry the stamp of a first delivery."""
    if approved or (state.approved_at is not None and now - state.approved_at < _FIRST_DELIVERY):
        return new, True
    if state.approved_at is None:
        return max(exchange.settings.first_customers - state.made, 0), True
    usual = max(_AT_LEAST, int(state.customers_there * exchange.settings.most_new_percent / 100))
    return (new if new <= usual else 0), False


def _is_emptied_by_mistake(exchange: Exchange, linked: set[str]) -> bool:
    """Tell whether values of more customers were emptied in Deployteq than anybody does on purpose."""
    with exchange.database.transaction() as connection:
        changed, compared = count_changed_there(connection, exchange.brand)
    most, emptied = max(_AT_LEAST, compared * _MOST_EMPTIED), 0
    if changed <= most:
        return False
    for page in _pages(exchange):
        known = page[page["deployteq_id"].notna()]
        ours, _ = our_values(known, linked, exchange.settings.salesforce_id_field)
        emptied += len(compare_page(exchange, known, ours, linked, dry_run=True).emptied)
    return emptied > most


def _pages(exchange: Exchange) -> Iterator[pd.DataFrame]:
    after = 0
    while True:
        with exchange.database.transaction() as connection:
            page = read_candidates(connection, exchange.brand, exchange.clock(), after=after, limit=_PAGE)
        if page.empty:
            return
        after = int(page["id"].iloc[-1])
        yield page


def _forecast(exchange: Exchange, difference: Difference, new: int, *, looks_up: bool) -> int:
    size = exchange.settings.batch
    one_by_one, in_batches = ways(difference)
    return len(one_by_one) + -(-len(in_batches) // size) + -(-new // size) + (new if looks_up else 0)
