"""What comes in badly, from either side, and what it gets."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from crm_sync.database.tables.consent import consent_event
from crm_sync.database.tables.deployteq import deployteq_customer
from crm_sync.errors import DeployteqUnavailableError
from crm_sync.exchange.collection import collect, read_account
from crm_sync.exchange.delivery import deliver
from crm_sync.exchange.probe import probe
from tests.deployteq.rig import Rig

_FORMS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, int]]] = [
    ("no address", {"email_address": None}, {"emailAddress": "", "lastname": "Ann"}, {}),
    ("too long", {"website": "w" * 256, "city": "Ede"}, {"website": "", "city": "Ede"}, {"website": 1}),
    ("not of the list", {"gender": "X", "title": "Dr"}, {"gender": "UNKNOWN", "title": "Dr"}, {"gender": 1}),
    ("what XML cannot hold", {"firstname": "a\u000b\ufffeb"}, {"firstname": "ab"}, {}),
    ("what XML has a form for", {"firstname": "<&\"'\U0001f600é"}, {"firstname": "<&\"'\U0001f600é"}, {}),
    ("line ends", {"title": "a\r\nb\rc]]>&amp;"}, {"title": "a\r\nb\rc]]>&amp;"}, {}),
    ("blanks around", {"lastname": " Ann "}, {"lastname": " Ann "}, {}),
    ("nothing but what XML cannot hold", {"firstname": "\u0001\u001f"}, {"firstname": ""}, {}),
    ("another status", {"status": "prospect"}, {"status": "PROSPECT"}, {}),
]


@pytest.mark.parametrize(("_why", "here", "there", "left_out"), _FORMS, ids=[one[0] for one in _FORMS])
def test_a_value_goes_whole_or_is_left_out(
    rig: Rig, _why: str, here: dict[str, Any], there: dict[str, Any], left_out: dict[str, int]
) -> None:
    ann = rig.add("ann", **here)
    delivered = rig.start()
    assert (delivered.made, delivered.left_out, delivered.refused) == (1, left_out, {})
    found = rig.there(ann)
    assert {name: found[name] for name in there} == there
    assert rig.calls(lambda: deliver(rig.exchange)) == 0


@pytest.mark.parametrize("too_long", ["a" * 80 + "@b.c", "a" * 290 + "@b.example"])
def test_a_customer_whose_address_does_not_fit_is_refused_and_keeps_the_one_of_before_until_it_fits(
    rig: Rig, too_long: str
) -> None:
    ann, bob = rig.add("ann", email_address=too_long), rig.add("bob")
    delivered = rig.start()
    assert (delivered.made, delivered.refused, delivered.left_out) == (1, {"address too long": 1}, {})
    assert [one["emailAddress"] for one in rig.brand.customers.values()] == ["bob@example.com"]
    rig.change(bob, email_address=too_long, lastname="Other")
    assert rig.cycle().refused == {"address too long": 1}
    assert rig.there(bob)["lastname"] == "Bob"
    rig.change(ann, email_address="ann@example.com")
    rig.change(bob, email_address="b@example.com")
    assert rig.cycle().refused == {}
    assert sorted(one["emailAddress"] for one in rig.brand.customers.values()) == ["ann@example.com", "b@example.com"]


def test_empty_dates_boxes_and_numbers_as_text_are_no_changes(rig: Rig) -> None:
    ann = rig.add("ann")
    rig.start()
    found = rig.there(ann)
    assert (found["birthday"], found["poBox"]) == ("0000-00-00", "0")
    before = rig.here(ann)
    rig.wait(hours=1)
    read_account(rig.exchange)
    assert rig.calls(lambda: deliver(rig.exchange)) == 0
    assert rig.here(ann) == before


def _lose_rows(rig: Rig) -> None:
    rig.brand.switches.lost_rows = 1


def _shift_rows(rig: Rig) -> None:
    rig.brand.switches.shifted_rows = 1


def _fail(rig: Rig) -> None:
    rig.brand.switches.resource_status = "ERROR"


@pytest.mark.parametrize("trouble", [_lose_rows, _shift_rows, _fail])
def test_a_reading_that_is_not_whole_is_cut_and_nobody_is_taken_for_deleted(
    rig: Rig, trouble: Callable[[Rig], None]
) -> None:
    for number in range(60):
        rig.add(f"p{number}")
    rig.start()
    trouble(rig)
    for _ in range(2):
        rig.wait(hours=2)
        with pytest.raises(DeployteqUnavailableError):
            read_account(rig.exchange)
    assert rig.brand.resources == {}
    assert not any(row["missing_since"] or row["deleted_there_at"] for row in rig.rows(deployteq_customer))


@pytest.mark.parametrize(("gone", "deleted"), [(25, 0), (20, 20)])
def test_when_two_fifths_are_suddenly_gone_nobody_is_taken_for_deleted(rig: Rig, gone: int, deleted: int) -> None:
    people = [rig.add(f"p{number}") for number in range(60)]
    rig.start()
    for person in people[:gone]:
        rig.readers.delete(rig.there(person)["id"])
    found = []
    for _ in range(2):
        rig.wait(hours=12)
        found.append(read_account(rig.exchange).missing)
    assert [one.is_plausible for one in found] == [deleted > 0] * 2
    assert found[1].deleted == deleted
    rig.cycle()
    assert len(rig.brand.customers) == 60 - gone


def test_an_outbox_group_that_is_not_there_keeps_nothing_else_back(rig: Rig) -> None:
    ann = rig.add("ann")
    rig.start()
    rig.settings.outbox_group = 7
    rig.wait(hours=2)
    rig.readers.unsubscribe(rig.there(ann)["id"])
    collected = collect(rig.exchange)
    assert collected.problems.sentences == ["Deployteq has no group 7; correct the outbox group in the delivery block."]
    assert rig.here(ann)["opt_in"] is False


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_clock_that_is_an_hour_off_is_reckoned_with_and_shown(rig: Rig, seconds: int) -> None:
    ann = rig.add("ann")
    rig.brand.switches.clock_off_seconds = seconds
    found = {one.question: one for one in probe(rig.exchange)}
    assert found["time zone of dates"].is_safe
    assert f"{seconds // 60:+} minutes" in found["clock of Deployteq beside ours"].answer
    rig.start()
    rig.wait(minutes=30)
    rig.readers.unsubscribe(rig.there(ann)["id"])
    rig.wait(minutes=5)
    collect(rig.exchange)
    said = [row for row in rig.rows(consent_event) if row["side"] == "deployteq" and row["said"] == "no"]
    assert said[0]["not_after"] == rig.people.now - timedelta(minutes=5)
