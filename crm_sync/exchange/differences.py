"""What differs between customers and Deployteq; what changed there is taken, and what both hold is kept."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from crm_sync.exchange.candidates_store import note_agreement, note_conflicts, take_values
from crm_sync.exchange.comparison import Compared, compare
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.settings import ChangesThere
from crm_sync.exchange.values import BLACKLIST, OPTION, STATUS, as_frame, as_objects, cells_by_field

_Objects = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Difference:
    """What is to be sent, by customer id; `by_id`: those whose identity is not there yet.

    `sent`, `agreed`: by customer id, what both hold apart from that, of the fields that were looked at. `emptied`:
    customers of whom a value that stands here was emptied there. `reported`: customers by field that was changed there
    and is not taken. `to_salesforce`: customers whose values go on to Salesforce.
    """

    sends: dict[int, dict[str, str]] = field(default_factory=dict)
    by_id: frozenset[int] = frozenset()
    sent: dict[int, dict[str, Any]] = field(default_factory=dict)
    agreed: dict[int, dict[str, Any]] = field(default_factory=dict)
    taken: int = 0
    conflicts: int = 0
    emptied: frozenset[int] = frozenset()
    reported: Mapping[str, int] = field(default_factory=dict)
    to_salesforce: tuple[int, ...] = ()


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
        dict(zip(known.index, _held(kept_sent, linked), strict=True)),
        dict(zip(known.index, _held(kept_agreed, linked), strict=True)),
        int(take.any(axis=1).sum()),
        int(compared.conflict.to_numpy().sum()),
        emptied,
        cells_by_field(is_reported),
        tuple(known.index[take[[name for name in narrow if name in linked and name != STATUS]].any(axis=1)])
        if exchange.settings.changes_there is ChangesThere.SEND
        else (),
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


def _held(kept: pd.DataFrame, linked: set[str]) -> list[dict[Any, Any]]:
    """Return each row as an object, None where nothing is held; an empty field that is not linked is none."""
    is_linked = [name in linked for name in kept.columns]
    held = kept.where(kept.notna() & (~kept.isin([""]) | is_linked), None)
    return held.to_dict("records")


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
        if difference.to_salesforce:
            exchange.enter_campaign(connection, difference.to_salesforce)
        note_conflicts(connection, exchange.brand, conflicts, exchange.run, now)
        note_agreement(connection, exchange.brand, agreements(known.loc[settled], difference, stamps[settled]))
    known["modified_at"] = stamps


def agreements(known: pd.DataFrame, difference: Difference, stamps: "pd.Series[Any]") -> pd.DataFrame:
    """Return what both sides hold of customers, to be noted."""
    return pd.DataFrame(
        {
            "deployteq_id": known["deployteq_id"].astype("int64").to_numpy(),
            "sent_values": [json.dumps(difference.sent[one]) for one in known.index],
            "agreed_values": [json.dumps(difference.agreed[one]) for one in known.index],
            "compared_at": pd.to_datetime(stamps.to_numpy(), utc=True),
        }
    )
