"""What is kept of a delivery: differences found, answers, refusals; each in a transaction of its own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from crm_sync.deployteq.customers import Customer
from crm_sync.exchange.candidates_store import (
    drop_intent,
    end_intent,
    note_agreement,
    note_conflicts,
    note_deleted_there,
    note_intent,
    note_refused,
    note_refused_new,
    take_values,
)
from crm_sync.exchange.comparison import Compared, compare
from crm_sync.exchange.consent_store import read_consents, settle
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.mirror_store import is_mirrored, land, values_of
from crm_sync.exchange.pairing_store import carry_noes, pair, paired_of
from crm_sync.exchange.settings import ChangesThere
from crm_sync.exchange.values import BLACKLIST, CONSENT, OPTION, STATUS, as_frame, as_objects, cells_by_field

_Objects = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Difference:
    """What is to be sent, by customer id; `by_id`: those whose identity is not there yet.

    `sent`, `agreed`: by customer id, what both hold apart from that. `emptied`: customers of whom a value that stands
    here was emptied there. `reported`: customers by field that was changed there and is not taken.
    """

    sends: dict[int, dict[str, str]] = field(default_factory=dict)
    by_id: frozenset[int] = frozenset()
    sent: dict[int, dict[str, str]] = field(default_factory=dict)
    agreed: dict[int, dict[str, str]] = field(default_factory=dict)
    taken: int = 0
    conflicts: int = 0
    emptied: frozenset[int] = frozenset()
    reported: Mapping[str, int] = field(default_factory=dict)


def compare_page(
    exchange: Exchange,
    known: pd.DataFrame,
    ours: pd.DataFrame,
    linked: set[str],
    *,
    dry_run: bool,
    holds_emptied: bool = False,
) -> Difference:
    """Compare customers that are paired; take what changed there, and note what both hold.

    `holds_emptied`: customers of whom a value was emptied there wait as a whole.
    """
    if known.empty:
        return Difference()
    objects = [[one or {} for one in known[name]] for name in ("field_values", "sent_values", "agreed_values")]
    every, narrow = ours, _differing(ours, as_objects(ours, always=linked), *objects)
    ours = every[narrow].astype("object")
    theirs, sent, agreed = (as_frame(one, ours.index, narrow) for one in objects)
    compared = compare(ours, theirs, sent, agreed, linked)
    theirs = theirs.fillna("")
    take = _to_take(exchange, compared, theirs, linked)
    is_emptied = (take & theirs.isin([""]) & ~ours.isin([""])).any(axis=1)
    emptied: frozenset[int] = frozenset(known.index[is_emptied])
    if holds_emptied and emptied:
        rest = compare_page(exchange, known[~is_emptied], every[~is_emptied], linked, dry_run=dry_run)
        return replace(rest, emptied=emptied)
    # What is not settled: about to be sent, or only reported.
    is_reported = compared.take & ~take & ~_ignored(theirs)
    is_open = compared.send | is_reported
    kept_sent = ours.where(~take, theirs).where(~is_open, sent)
    kept_agreed = theirs.where(~is_open, agreed)
    sends = ours.where(compared.send)
    rows = compared.send.any(axis=1)
    unknown = known["identity"].astype("str").str.lower().ne(known["own_identity"])
    is_out = rows | unknown
    difference = Difference(
        dict(zip(known.index[is_out], as_objects(sends[is_out]), strict=True)),
        frozenset(known.index[unknown]),
        dict(zip(known.index, _renewed(objects[1], kept_sent, linked), strict=True)),
        dict(zip(known.index, _renewed(objects[2], kept_agreed, linked), strict=True)),
        int(take.any(axis=1).sum()),
        int(compared.conflict.to_numpy().sum()),
        emptied,
        cells_by_field(is_reported),
    )
    if not dry_run:
        _keep_compared(exchange, known, difference, theirs, take, compared.conflict, is_out)
    return difference


def _differing(frame: pd.DataFrame, ours: _Objects, theirs: _Objects, sent: _Objects, agreed: _Objects) -> list[str]:
    """Return the fields in which somebody is not as both sides agreed, and the status; most come to nothing."""
    found = {STATUS}
    for here, then in zip(ours, sent, strict=True):
        if here != then:
            found.update(name for name, _ in here.items() ^ then.items())
    for there, then in zip(theirs, agreed, strict=True):
        found.update(name for name, _ in there.items() - then.items())
        found.update([name for name, value in then.items() if value and name not in there])
    return [str(name) for name in frame.columns if name in found]


def _renewed(before: _Objects, kept: pd.DataFrame, linked: set[str]) -> list[dict[str, str]]:
    """Return objects with the values of a frame in place of those that they had of its fields."""
    renewed = []
    names = kept.columns.to_list()
    for one, values in zip(before, as_objects(kept, always=linked), strict=True):
        whole = {**one, **values}
        if len(values) < len(names):
            for name in names:
                if name not in values:
                    whole.pop(name, None)
        renewed.append(whole)
    return renewed


def _ignored(theirs: pd.DataFrame) -> pd.DataFrame:
    """Tell of values that never come here: option fields, and a status other than the blacklist."""
    ignored = pd.DataFrame(False, index=theirs.index, columns=theirs.columns)
    for name in theirs.columns:
        if str(name).startswith(OPTION):
            ignored[name] = True
    ignored[STATUS] = theirs[STATUS].ne(BLACKLIST)
    return ignored


def _to_take(exchange: Exchange, compared: Compared, theirs: pd.DataFrame, linked: set[str]) -> pd.DataFrame:
    take = compared.take & ~_ignored(theirs)
    if exchange.settings.changes_there is ChangesThere.REPORT:
        take[[name for name in take.columns if name in linked and name != STATUS]] = False
    return take


def _keep_compared(
    exchange: Exchange,
    known: pd.DataFrame,
    difference: Difference,
    theirs: pd.DataFrame,
    take: pd.DataFrame,
    conflict: pd.DataFrame,
    is_out: "pd.Series[bool]",
) -> None:
    now = exchange.clock()
    has_taken = take.any(axis=1)
    stamps = known["modified_at"].where(~has_taken, now)
    settled = known.index[~is_out]
    conflicts = [
        {"customer_id": int(one), "field": str(name), "here": difference.sends[one].get(str(name)), "there": there}
        for name in conflict.columns
        for one, there in theirs.loc[conflict[name], name].items()
    ]
    with exchange.database.transaction() as connection:
        take_values(connection, theirs.where(take), now)
        note_conflicts(connection, exchange.brand, conflicts, exchange.run, now)
        note_agreement(connection, exchange.brand, _agreements(known.loc[settled], difference, stamps[settled]))
    known["modified_at"] = stamps


def _agreements(known: pd.DataFrame, difference: Difference, stamps: "pd.Series[Any]") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "deployteq_id": known["deployteq_id"].astype("int64").to_numpy(),
            "sent_values": [json.dumps(difference.sent[one]) for one in known.index],
            "agreed_values": [json.dumps(difference.agreed[one]) for one in known.index],
            "compared_at": pd.to_datetime(stamps.to_numpy(), utc=True),
        }
    )


def keep_updated(
    exchange: Exchange, known: pd.DataFrame, difference: Difference, taken: Mapping[int, Customer]
) -> None:
    """Keep what came back of customers that were updated."""
    if not taken:
        return
    for one, answer in taken.items():
        there = values_of(answer)
        difference.sent[one].update(difference.sends[one])
        difference.agreed[one].update({name: there.get(name, "") for name in difference.sends[one]})
    rows = known[["deployteq_id", "modified_at"]].loc[[*taken]]
    with exchange.database.transaction() as connection:
        settle(connection, exchange, land(connection, exchange.reading(), [*taken.values()]))
        note_agreement(connection, exchange.brand, _agreements(rows, difference, rows["modified_at"]))


def keep_made(
    exchange: Exchange,
    new: pd.DataFrame,
    values: Mapping[int, dict[str, str]],
    taken: Mapping[int, Customer],
    consents: Mapping[int, Mapping[str, bool]],
) -> None:
    """Keep customers that were made, with these consents."""
    if not taken:
        return
    wrote = {
        channel: {answer.id: not consents[one][field] for one, answer in taken.items()}
        for channel, field in CONSENT.items()
    }
    agreed = {one: values_of(answer) for one, answer in taken.items()}
    agreements = pd.DataFrame(
        {
            "deployteq_id": [answer.id for answer in taken.values()],
            "sent_values": [json.dumps(values[one]) for one in taken],
            "agreed_values": [json.dumps(_of_these(values[one], agreed[one])) for one in taken],
            "compared_at": pd.to_datetime(new["modified_at"].loc[[*taken]].to_numpy(), utc=True),
        }
    )
    with exchange.database.transaction() as connection:
        hashes = land(connection, exchange.reading(), [*taken.values()], wrote)
        end_intent(connection, exchange.brand, {one: answer.id for one, answer in taken.items()}, exchange.clock())
        settle(connection, exchange, hashes)
        note_agreement(connection, exchange.brand, agreements)


def _of_these(names: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Return these fields of a customer's values; most are empty."""
    return dict.fromkeys(names, "") | {name: value for name, value in values.items() if name in names}


def keep_found(exchange: Exchange, found: Mapping[int, Customer]) -> None:
    """Keep customers whose insert was not answered, and who are there after all."""
    if not found:
        return
    with exchange.database.transaction() as connection:
        hashes = land(connection, exchange.reading(), [*found.values()])
        end_intent(connection, exchange.brand, {one: there.id for one, there in found.items()}, exchange.clock())
        settle(connection, exchange, hashes)


def keep_refused(exchange: Exchange, page: pd.DataFrame, refused: Mapping[int, str]) -> None:
    """Keep why customers were refused."""
    if not refused:
        return
    now = exchange.clock()
    with exchange.database.transaction() as connection:
        numbers, stamps = page["deployteq_id"].to_dict(), page["modified_at"].to_dict()
        for one, code in refused.items():
            number, stamp = numbers[one], stamps[one]
            if pd.isna(number):
                note_refused_new(connection, exchange.brand, one, code, stamp, now)
            else:
                note_refused(connection, exchange.brand, int(number), code, stamp, now)


def note_intents(exchange: Exchange, customers: Sequence[int]) -> None:
    """Keep, before the call, that customers are about to be made."""
    with exchange.database.transaction() as connection:
        note_intent(connection, exchange.brand, pd.Index(customers), exchange.clock())


def drop_intents(exchange: Exchange, customers: Sequence[int]) -> None:
    """Forget that customers were about to be made: their call was never made."""
    if customers:
        with exchange.database.transaction() as connection:
            drop_intent(connection, exchange.brand, pd.Index(customers))


def consents_now(exchange: Exchange, customers: Sequence[int]) -> dict[int, dict[str, bool]]:
    """Return what customers stand at, by Deployteq's names."""
    with exchange.database.transaction() as connection:
        return read_consents(connection, customers)


def keep_seen(exchange: Exchange, seen: Sequence[Customer]) -> None:
    """Keep customers that were read by the way."""
    with exchange.database.transaction() as connection:
        settle(connection, exchange, land(connection, exchange.reading(), seen))


def pair_seen(exchange: Exchange, seen: Sequence[Customer], customers: pd.Index) -> set[int]:
    """Keep customers that were looked for, pair them, and return which of `customers` are paired by that."""
    if not seen:
        return set()
    with exchange.database.transaction() as connection:
        settle(connection, exchange, land(connection, exchange.reading(), seen))
        pair(connection, exchange.brand, exchange.settings.several_there)
        settle(connection, exchange, carry_noes(connection, exchange.brand, run=exchange.run, now=exchange.clock()))
        return paired_of(connection, exchange.brand, customers)


def is_known_there(exchange: Exchange, number: int) -> bool:
    """Tell whether a customer of Deployteq was ever read before."""
    with exchange.database.transaction() as connection:
        return is_mirrored(connection, exchange.brand, number)


def note_gone(exchange: Exchange, number: int) -> None:
    """Keep that a customer is gone from Deployteq."""
    with exchange.database.transaction() as connection:
        note_deleted_there(connection, exchange.brand, number, exchange.clock())
