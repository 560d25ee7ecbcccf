"""Measures what Deployteq's documentation leaves open, with a few customers that are made for it and deleted again.

Their addresses are under example.invalid, their optIn is N, their status SUSPECT: nobody mails them.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crm_sync.deployteq.customers import (
    Customer,
    UniqueField,
    available_fields,
    delete_one,
    insert_or_update,
    read_one,
    update_one,
)
from crm_sync.errors import DeployteqRefusedError
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.probe_store import CLEARING, CLEARS, LACKING, Finding, keep_findings
from crm_sync.exchange.values import OPTION, linked_fields

_QUIET = {"optIn": "N", "status": "SUSPECT"}
_EMAIL = UniqueField("emailAddress", is_option=False)
_TOLERANCE = timedelta(minutes=2)
_TOO_LONG = 61
_ODD = " Prøbe & <ünd> "


def probe(exchange: Exchange) -> list[Finding]:
    """Measure, keep the answers, and remove the test customers whatever happens."""
    made: set[int] = set()
    try:
        findings = _measure(exchange, made)
    finally:
        for number in made:
            with suppress(DeployteqRefusedError):
                delete_one(exchange.account, number)
    with exchange.database.transaction() as connection:
        keep_findings(connection, exchange.brand, findings, exchange.clock())
    return findings


def look_at_fields(exchange: Exchange) -> list[Finding]:
    """Look, with one call, which option fields the brand lacks, and keep it: those are left out of the delivery."""
    question = "option fields that the exchange needs"
    try:
        known = available_fields(exchange.account)
    except DeployteqRefusedError:
        findings = [Finding(question, "cannot be checked"), Finding(LACKING, "[]")]
    else:
        own = [name for name in exchange.settings.option_fields if name not in known]
        answer = f"the brand lacks {', '.join(own)}; make them in Deployteq" if own else "are there"
        linked = {name.removeprefix(OPTION) for name in linked_fields(exchange.rules) if name.startswith(OPTION)}
        findings = [
            Finding(question, answer, is_safe=not own),
            Finding(LACKING, json.dumps(sorted(linked - known), ensure_ascii=False)),
        ]
    with exchange.database.transaction() as connection:
        keep_findings(connection, exchange.brand, findings, exchange.clock())
    return findings


def _measure(exchange: Exchange, made: set[int]) -> list[Finding]:
    name = f"probe-{exchange.clock():%Y%m%d%H%M%S}"
    address = f"{name}@example.invalid"
    whole = {"emailAddress": address, "lastname": _ODD, "city": "Ede", **_QUIET}
    first = _insert(exchange, whole, made)
    again = _insert(exchange, {"emailAddress": address, "lastname": "Other"}, made)
    kept = read_one(exchange.account, again.id)
    findings = [
        _left_out(kept),
        _same(first, again, "a customer that is there is updated by its unique field"),
        Finding("blanks and signs in a text", "are kept" if first.fields.get("lastname") == _ODD else "are changed"),
        _zone(exchange, again),
        _clock(exchange),
    ]
    upper = _insert(exchange, {"emailAddress": address.upper(), **_QUIET}, made)
    findings.append(Finding("case of e-mail addresses", "ignored" if upper.id == first.id else "matters"))
    others = [_clearing(exchange, first.id), _bad_record(exchange, name, made), *_several(exchange, name, made)]
    return [*findings, *others]


def _insert(exchange: Exchange, record: dict[str, Any], made: set[int]) -> Customer:
    answers = [one for one in insert_or_update(exchange.account, [record], _EMAIL) if one is not None]
    made.update(one.id for one in answers)
    return answers[0]


def _left_out(kept: Customer) -> Finding:
    is_kept = kept.fields.get("city") == "Ede" and kept.fields["optIn"] == "N"
    return Finding("fields that an update leaves out", "keep their values" if is_kept else "are emptied", is_kept)


def _same(first: Customer, again: Customer, question: str) -> Finding:
    is_same = first.id == again.id
    return Finding(question, "yes" if is_same else "no, another one is made", is_same)


def _zone(exchange: Exchange, answer: Customer) -> Finding:
    question, stamp = "time zone of dates", answer.fields.get("modifiedAt", "")
    at = exchange.account.answered_at
    if not stamp or at is None:
        return Finding(question, "cannot be measured")
    zone = ZoneInfo(exchange.settings.time_zone)
    # In the hour that comes twice in autumn, either may be meant.
    both = (datetime.fromisoformat(stamp).replace(tzinfo=zone, fold=fold).astimezone(UTC) - at for fold in (0, 1))
    off = min(both, key=abs)
    if abs(off) <= _TOLERANCE:
        return Finding(question, f"is {exchange.settings.time_zone}")
    minutes = round(off.total_seconds() / 60)
    return Finding(
        question, f"{minutes:+} minutes off {exchange.settings.time_zone}; correct the delivery block", False
    )


def _clearing(exchange: Exchange, number: int) -> Finding:
    for way, value in CLEARS.items():
        cleared = update_one(exchange.account, number, {"city": value})
        if not cleared.fields.get("city"):
            return Finding(CLEARING, way)
    return Finding(CLEARING, "by nothing that is known", is_safe=False)


def _several(exchange: Exchange, name: str, made: set[int]) -> list[Finding]:
    """Look in which order two customers come back; then give them one address, and look which of them an update by it
    changes, and how many come back of it."""
    address, own = f"{name}-two@example.invalid", [f"{name}-{one}@example.invalid" for one in "ab"]
    two = [_insert(exchange, {"emailAddress": one, **_QUIET}, made).id for one in own]
    order = _order(exchange, own, two)
    for number in two:
        update_one(exchange.account, number, {"emailAddress": address})
    question = "an update by a value that two customers have"
    try:
        answers = insert_or_update(exchange.account, [{"emailAddress": address, "lastname": "Both"}], _EMAIL)
    except DeployteqRefusedError:
        return [order, Finding(question, "is refused")]
    changed = [read_one(exchange.account, number).fields.get("lastname") == "Both" for number in two]
    words = {(True, True): "changes both", (True, False): "changes the older", (False, True): "changes the newer"}
    which = words.get((changed[0], changed[1]), "changes neither")
    return [order, Finding(question, f"{which}; {len(answers)} came back", any(changed))]


def _order(exchange: Exchange, addresses: Sequence[str], numbers: Sequence[int]) -> Finding:
    """Look in which order customers of a batch come back; answers are matched by their values, whatever it is."""
    question, batch = (
        "customers of a batch come back",
        [{"emailAddress": one, "lastname": "Order"} for one in addresses],
    )
    try:
        came = [one.id for one in insert_or_update(exchange.account, batch, _EMAIL) if one is not None]
    except DeployteqRefusedError:
        return Finding(question, "two are refused; batches are halved")
    words = "in the order of the call" if came == [*numbers] else f"in another order, {len(came)} of {len(numbers)}"
    return Finding(question, words)


def _clock(exchange: Exchange) -> Finding:
    minutes = round(exchange.clock_ahead.total_seconds() / 60)
    return Finding(
        "clock of Deployteq beside ours", f"{minutes:+} minutes, which is reckoned with" if minutes else "right"
    )


def _bad_record(exchange: Exchange, name: str, made: set[int]) -> Finding:
    question = "one bad record in a batch"
    good = {"emailAddress": f"{name}-good@example.invalid", **_QUIET}
    bad = {"emailAddress": f"{name}-bad@example.invalid", "gender": "XXX", "jobTitle": "x" * _TOO_LONG, **_QUIET}
    try:
        answers = insert_or_update(exchange.account, [good, bad], _EMAIL)
    except DeployteqRefusedError:
        return Finding(question, "has all refused; batches are halved")
    made.update(one.id for one in answers if one is not None)
    return Finding(question, "is left out by itself" if None in answers else "is taken, changed")
