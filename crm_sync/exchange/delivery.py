"""Delivers customers to Deployteq: only what differs, in batches by the identity; a kill spoils nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pandas as pd

from crm_sync.deployteq.account import NOT_FOUND
from crm_sync.deployteq.customers import Customer, delete_one, find_by, update_one
from crm_sync.errors import ConfigurationError, DeployteqRefusedError, PersonNeededError
from crm_sync.exchange.batches import Outgoing, send, unique_values
from crm_sync.exchange.candidates_store import count_new, read_candidates
from crm_sync.exchange.connection_store import ConnectionState, note_connection, read_connection
from crm_sync.exchange.delivered import (
    Difference,
    compare_page,
    keep_found,
    keep_made,
    keep_refused,
    keep_updated,
    note_gone,
    note_intents,
)
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.probe_store import missing_options, unsafe_findings
from crm_sync.exchange.values import IDENTITY_PREFIX, OPTION, as_call, as_objects, linked_fields, our_values

_PAGE = 2_000
# A first delivery may be cut: for so long after its approval nobody is asked again.
_FIRST_DELIVERY = timedelta(days=7)
_AT_LEAST = 50


@dataclass
class Delivered:
    """What a delivery came to, in customers. `waiting`: new ones that wait until a person approves."""

    made: int = 0
    updated: int = 0
    taken: int = 0
    conflicts: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    gone: int = 0
    cleaned: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    lacking: frozenset[str] = frozenset()
    calls_forecast: int = 0


@dataclass(frozen=True)
class _Plan:
    """How many customers may be made, and the stamp that they get."""

    most_new: int
    new: int
    stamp: str
    lacking: frozenset[str]


def deliver(exchange: Exchange, *, approved: bool = False, dry_run: bool = False) -> Delivered:
    """Deliver what differs; raises ConfigurationError before a pairing, PersonNeededError before it is accepted."""
    plan = _plan(exchange, approved=approved, dry_run=dry_run)
    linked = linked_fields(exchange.rules) - {OPTION + name for name in plan.lacking}
    if exchange.settings.salesforce_id_field:
        linked.add(OPTION + exchange.settings.salesforce_id_field)
    delivered, left = Delivered(lacking=plan.lacking), plan.most_new
    for candidates in _pages(exchange):
        page = candidates if dry_run else _without_doubtful(exchange, candidates)
        ours, cleaned = our_values(page, linked, exchange.settings.salesforce_id_field)
        delivered.cleaned += cleaned
        for name, number in ours.isna().sum().items():
            if number:
                delivered.left_out[str(name)] = delivered.left_out.get(str(name), 0) + int(number)
        is_new = page["deployteq_id"].isna()
        new, known = page[is_new], page[~is_new]
        difference = compare_page(exchange, known, ours.loc[known.index], linked, dry_run=dry_run)
        delivered.taken += difference.taken
        delivered.conflicts += difference.conflicts
        delivered.calls_forecast += _forecast(exchange, difference, min(len(new), left))
        if dry_run:
            delivered.made += min(len(new), left)
            delivered.updated += len(difference.sends)
        else:
            _update(exchange, known, difference, delivered)
            _insert(exchange, new.head(left), ours, plan.stamp, delivered)
        left -= min(len(new), left)
    delivered.waiting = max(plan.new - plan.most_new, 0)
    return delivered


def _plan(exchange: Exchange, *, approved: bool, dry_run: bool) -> _Plan:
    now = exchange.clock()
    with exchange.database.transaction() as connection:
        state = read_connection(connection, exchange.brand)
        if approved and not dry_run and state.is_accepted:
            note_connection(connection, exchange.brand, approved_at=now)
        new = count_new(connection, exchange.brand, now)
        unsafe = unsafe_findings(connection, exchange.brand)
        lacking = frozenset(missing_options(connection, exchange.brand))
    if unsafe:
        raise ConfigurationError(
            "Nothing is delivered, since Deployteq behaves otherwise than is safe; deployteq-pairing with 'Measure' "
            f"ticked looks again. {'; '.join(unsafe)}."
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
    usual = max(_AT_LEAST, int(state.customers_there * exchange.settings.most_new_percent / 100))
    stamp = f"{now:%Y-%m-%d}" if exchange.settings.stamp_field else ""
    if approved or _is_first_delivery(state, now):
        return _Plan(new, new, stamp, lacking)
    if state.approved_at is None:
        return _Plan(max(exchange.settings.first_customers - state.made, 0), new, stamp, lacking)
    return _Plan(new if new <= usual else 0, new, "", lacking)


def _is_first_delivery(state: ConnectionState, now: datetime) -> bool:
    return state.approved_at is not None and now - state.approved_at < _FIRST_DELIVERY


def _pages(exchange: Exchange) -> Iterator[pd.DataFrame]:
    after = 0
    while True:
        with exchange.database.transaction() as connection:
            page = read_candidates(connection, exchange.brand, exchange.clock(), after=after, limit=_PAGE)
        if page.empty:
            return
        after = int(page["id"].iloc[-1])
        yield page


def _without_doubtful(exchange: Exchange, page: pd.DataFrame) -> pd.DataFrame:
    """Look for customers whose insert was never answered; leave those out that were made, for the next run.

    Sent again, they would be an update that says yes to somebody who may have said no since.
    """
    doubtful = page[page["is_in_doubt"].astype(bool) & page["deployteq_id"].isna()]
    found: dict[int, Customer] = {}
    for person in doubtful["id"]:
        there = find_by(exchange.account, exchange.settings.unique, _identity(exchange, person), exchange.sleep)
        if there:
            found[int(person)] = there[0]
    keep_found(exchange, found)
    return page.drop(index=[*found])


def _identity(exchange: Exchange, customer_id: int) -> str:
    return f"{IDENTITY_PREFIX}{customer_id}"


def _forecast(exchange: Exchange, difference: Difference, new: int) -> int:
    size = exchange.settings.batch
    in_batches = len(difference.sends) - len(difference.by_id)
    return -(-in_batches // size) + -(-new // size) + len(difference.by_id)


def _update(exchange: Exchange, known: pd.DataFrame, difference: Difference, delivered: Delivered) -> None:
    """Send the differences of customers that are there: by their identity, or by id where it is not there yet."""
    one_by_one = [one for one in difference.sends if one in difference.by_id]
    for part in _parts([one for one in difference.sends if one not in difference.by_id], exchange.settings.batch):
        batch = [_outgoing(exchange, one, difference.sends[one]) for one in part]
        sent = send(exchange, batch, may_repeat=True)
        ids = known.loc[[*sent.taken], "deployteq_id"]
        strangers = {one: answer for one, answer in sent.taken.items() if answer.id != ids[one]}
        for one, answer in strangers.items():
            _take_back(exchange, int(ids[one]), answer, delivered)
        taken = {one: answer for one, answer in sent.taken.items() if one not in strangers}
        keep_updated(exchange, known, difference, taken)
        delivered.updated += len(taken)
        _refuse(exchange, known, sent.refused, delivered)
    numbers = known["deployteq_id"].to_dict()
    for one in one_by_one:
        number = int(numbers[one])
        record = _outgoing(exchange, one, difference.sends[one]).record
        try:
            answer = update_one(exchange.account, number, record)
        except DeployteqRefusedError as refusal:
            if refusal.code == NOT_FOUND:
                note_gone(exchange, number)
                delivered.gone += 1
            else:
                _refuse(exchange, known, {one: refusal.code or ""}, delivered)
            continue
        keep_updated(exchange, known, difference, {one: answer})
        delivered.updated += 1


def _take_back(exchange: Exchange, number: int, made: Customer, delivered: Delivered) -> None:
    """Take back a customer that an update has made anew, for the one that it was for is gone: perhaps it was erased."""
    delete_one(exchange.account, made.id)
    note_gone(exchange, number)
    delivered.gone += 1


def _insert(exchange: Exchange, new: pd.DataFrame, ours: pd.DataFrame, stamp: str, delivered: Delivered) -> None:
    """Make customers; each is noted before the call, so that one whose answer never comes is looked for first."""
    values = dict(zip(new.index, as_objects(ours.loc[new.index]), strict=True))
    says_yes = new["opt_in"].astype("boolean").fillna(False)
    for part in _parts([*new.index], exchange.settings.batch):
        note_intents(exchange, part)
        batch = [_new_record(exchange, one, values[one], stamp, says_yes=bool(says_yes[one])) for one in part]
        sent = send(exchange, batch, may_repeat=False)
        keep_made(exchange, new, values, sent.taken)
        delivered.made += len(sent.taken)
        _refuse(exchange, new, sent.refused, delivered)


def _new_record(
    exchange: Exchange, customer_id: int, values: dict[str, str], stamp: str, *, says_yes: bool
) -> Outgoing:
    filled = {name: value for name, value in values.items() if value}
    if stamp:
        filled[OPTION + exchange.settings.stamp_field] = stamp
    outgoing = _outgoing(exchange, customer_id, filled)
    # The field's default is yes: what nobody said is said.
    consent = {"optIn": "Y" if says_yes else "N"}
    return Outgoing(outgoing.customer_id, outgoing.identity, {**outgoing.record, **consent})


def _outgoing(exchange: Exchange, customer_id: int, values: dict[str, str]) -> Outgoing:
    identity = _identity(exchange, customer_id)
    record, own = as_call(values), unique_values(exchange.settings.unique, identity)
    options = {**record.get("options", {}), **own.get("options", {})}
    whole = {**record, **own} | ({"options": options} if options else {})
    return Outgoing(customer_id, identity, whole)


def _refuse(exchange: Exchange, page: pd.DataFrame, refused: dict[int, str], delivered: Delivered) -> None:
    for code in refused.values():
        delivered.refused[code] = delivered.refused.get(code, 0) + 1
    keep_refused(exchange, page, refused)


def _parts(customers: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(customers), size):
        yield [int(one) for one in customers[start : start + size]]
