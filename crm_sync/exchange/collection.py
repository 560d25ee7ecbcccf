"""Collects what people said and changed in Deployteq: the outbox group in every run, all opt-outs once an hour, the
whole account when it is paired and every night."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from crm_sync.deployteq.account import NOT_FOUND
from crm_sync.deployteq.customers import Customer, count_customers, read_all, read_matching, read_members
from crm_sync.deployteq.groups import remove_member
from crm_sync.deployteq.limits import PAGE
from crm_sync.deployteq.resources import free
from crm_sync.errors import DeployteqRefusedError
from crm_sync.exchange.candidates_store import count_new
from crm_sync.exchange.connection_store import ConnectionState, note_connection, read_connection
from crm_sync.exchange.consent_store import settle
from crm_sync.exchange.delivery import count_too_long
from crm_sync.exchange.exchange import Exchange, Problems
from crm_sync.exchange.mirror_store import land
from crm_sync.exchange.missing_store import Missing, note_missing, read_deleted
from crm_sync.exchange.pairing_store import Paired, PairingFigures, carry_noes, pair, read_figures
from crm_sync.exchange.probe import look_at_fields
from crm_sync.exchange.probe_store import unsafe_findings
from crm_sync.exchange.resources_store import read_leftovers
from crm_sync.exchange.values import BLACKLIST

_SWEEP_EVERY = timedelta(hours=1)
# Pages of 50 are stored together, so that a transaction is worth its while.
_STORED_AT_ONCE = 2_000
# Of customers that were deleted there.
_SHOWN = 20
# The count, the fields, the order, two looks whether it is ready, and its freeing.
_AROUND_A_READING = 6


@dataclass
class Collected:
    """What was collected: members of the outbox, customers of the sweep, and what went wrong."""

    members: int = 0
    swept: int = 0
    problems: Problems = field(default_factory=Problems)


@dataclass(frozen=True)
class ReadingForecast:
    """How many customers Deployteq has, and how many calls it takes to read them all."""

    customers: int
    calls: int


@dataclass(frozen=True)
class Account:
    """The account as it was read whole; `too_long`: customers by field whose value Deployteq does not take; `deleted`:
    the numbers of some that were deleted there and are not made again."""

    figures: PairingFigures
    paired: Paired
    missing: Missing
    read: int
    too_long: Mapping[str, int] = field(default_factory=dict)
    deleted: tuple[int, ...] = ()


def collect(exchange: Exchange) -> Collected:
    """Bring what was said and changed in Deployteq since the last run into the customer database."""
    collected = Collected()
    free_leftovers(exchange)
    group = exchange.settings.outbox_group
    if group:
        try:
            collected.members = _empty_outbox(exchange, group)
        except DeployteqRefusedError as refusal:
            if refusal.code != NOT_FOUND:
                raise
            collected.problems.add(f"Deployteq has no group {group}; correct the outbox group in the delivery block.")
    with exchange.database.transaction() as connection:
        swept_at = read_connection(connection, exchange.brand).swept_at
    now = exchange.clock()
    if swept_at is None or now - swept_at >= _SWEEP_EVERY:
        for wanted in ({"optIn": "N"}, {"status": BLACKLIST}):
            pages = read_matching(exchange.account, exchange.sleep, **wanted)
            collected.swept += _store(exchange, pages)
        with exchange.database.transaction() as connection:
            note_connection(connection, exchange.brand, swept_at=now)
    return collected


def forecast_reading(exchange: Exchange) -> ReadingForecast:
    """Ask, with one call, how many customers there are, and return what a reading of all of them takes."""
    customers = count_customers(exchange.account)
    return ReadingForecast(customers, -(-customers // PAGE) + _AROUND_A_READING)


def read_account(exchange: Exchange, progress: Callable[[int], None] = lambda _: None) -> Account:
    """Read all customers, store them, pair what is not paired, and note who is missing.

    `progress`: called with how many more are stored.
    """
    started = exchange.clock()
    free_leftovers(exchange)
    look_at_fields(exchange)
    read = _store(exchange, read_all(exchange.account, exchange.sleep), is_whole=True, progress=progress)
    with exchange.database.transaction() as connection:
        missing = note_missing(connection, exchange.brand, started, exchange.clock())
        paired = pair(connection, exchange.brand, exchange.settings.several_there)
        only_here = count_new(connection, exchange.brand, exchange.clock())
        figures = read_figures(connection, exchange.brand, only_here)
        settle(connection, exchange, carry_noes(connection, exchange.brand, run=exchange.run, now=exchange.clock()))
        note_connection(connection, exchange.brand, paired_at=exchange.clock(), customers_there=read)
        deleted = tuple(read_deleted(connection, exchange.brand, _SHOWN))
    return Account(figures, paired, missing, read, count_too_long(exchange), deleted)


def free_leftovers(exchange: Exchange) -> None:
    """Free results that a run before could not, or that it held when it was lost."""
    with exchange.database.transaction() as connection:
        left = read_leftovers(connection, exchange.brand, exchange.clock())
    for number in left:
        free(exchange.account, number)


def accept_pairing(exchange: Exchange, at: datetime) -> None:
    """Note that a person has looked at the pairing as it is."""
    with exchange.database.transaction() as connection:
        there = read_connection(connection, exchange.brand).customers_there
        note_connection(connection, exchange.brand, accepted_at=at, accepted_customers=there)


def _empty_outbox(exchange: Exchange, group: int) -> int:
    ids: list[int] = []
    _store(exchange, _noted(read_members(exchange.account, exchange.sleep, group), ids))
    # Only now that what they said is kept.
    for number in ids:
        remove_member(exchange.account, group, number)
    return len(ids)


def _noted(pages: Iterable[list[Customer]], ids: list[int]) -> Iterator[list[Customer]]:
    for page in pages:
        ids += [one.id for one in page]
        yield page


def _store(
    exchange: Exchange,
    pages: Iterable[list[Customer]],
    *,
    is_whole: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Store customers, some pages at a time, and let consent follow; returns how many there were."""
    number = 0
    waiting: list[Customer] = []
    for page in pages:
        waiting += page
        number += len(page)
        if len(waiting) >= _STORED_AT_ONCE:
            _store_some(exchange, waiting, is_whole=is_whole)
            progress(len(waiting))
            waiting = []
    _store_some(exchange, waiting, is_whole=is_whole)
    return number


def _store_some(exchange: Exchange, customers: list[Customer], *, is_whole: bool) -> None:
    if not customers:
        return
    with exchange.database.transaction() as connection:
        settle(connection, exchange, land(connection, exchange.reading(is_whole=is_whole), customers))


def connection_of(exchange: Exchange) -> tuple[ConnectionState, list[str]]:
    """Return how far the connection has come, and what was measured that is unsafe."""
    with exchange.database.transaction() as connection:
        return read_connection(connection, exchange.brand), unsafe_findings(connection, exchange.brand)
