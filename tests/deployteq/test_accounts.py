"""Accounts as they may be, and what happens in them: other identities, many fields, joined by hand, a new token."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from crm_sync.database.tables.consent import consent_event
from crm_sync.errors import ConfigurationError
from crm_sync.exchange.collection import collect, read_account
from crm_sync.exchange.delivery import deliver
from crm_sync.exchange.outcome import Delivered
from crm_sync.exchange.probe import probe
from standins.deployteq.faults import Trouble
from standins.deployteq.server import Server
from tests.deployteq.conftest import open_account
from tests.deployteq.rig import Rig
from tests.rigs.many_fields import option_link


def test_sixty_option_fields_go_with_whatever_is_in_them_and_come_back_by_nothing(rig: Rig) -> None:
    fields = {f"veld {number:02d} ü": f"Ü{number} <&> \U0001f600 é\U0001f468‍\U0001f469" for number in range(60)}
    rig.mapping.contact.links += [option_link(f"F{number}__c", name) for number, name in enumerate(fields)]
    rig.brand.option_fields |= {*fields}
    people = [rig.add(f"p{number}", options=fields) for number in range(12)]
    assert rig.start().made == 12
    assert fields.items() <= rig.there(people[0])["options"].items()
    assert rig.calls(lambda: deliver(rig.exchange)) == 0
    for person in people:
        rig.change(person, options=fields | {"veld 07 ü": "", "veld 08 ü": "Z"})
    assert rig.cycle().updated == 12
    options = rig.there(people[3])["options"]
    assert (options["veld 07 ü"], options["veld 08 ü"], options["veld 09 ü"]) == ("", "Z", fields["veld 09 ü"])
    rig.wait(hours=1)
    read_account(rig.exchange)
    assert rig.calls(lambda: deliver(rig.exchange)) == 0


def test_the_identity_may_be_the_external_id_which_two_there_have(rig: Rig) -> None:
    rig.settings.identity, rig.settings.identity_is_option = "externalId", False
    people = [rig.add(f"p{number}") for number in range(14)]
    assert rig.start().made == 14
    own = rig.there(people[0])
    assert own["externalId"].startswith("crm-")
    copy = rig.readers.insert(externalId=own["externalId"], emailAddress="copy@example.com")
    for person in people:
        rig.change(person, lastname=f"Other {person}")
    delivered = rig.cycle()
    assert (delivered.updated, delivered.gone, len(rig.brand.customers)) == (14, 0, 15)
    assert [rig.there(one)["lastname"] for one in people] == [f"Other {one}" for one in people]
    rig.wait(hours=12)
    assert read_account(rig.exchange).figures.doubles == 1
    rig.change(people[0], lastname="Third")
    rig.cycle()
    assert (rig.there(people[0])["lastname"], copy in rig.brand.customers) == ("Third", True)
    assert rig.brand.customers[copy]["lastname"] != "Third"


@pytest.mark.parametrize("is_met_by_a_call", [True, False])
def test_who_is_joined_by_hand_there_is_followed_to_the_record_that_is_left(
    each_rig: Rig, is_met_by_a_call: bool
) -> None:
    rig = each_rig
    two = [rig.readers.insert(emailAddress="ann@example.com") for _ in range(2)]
    ann = rig.add("ann")
    rig.start()
    own = rig.there(ann)["id"]
    left = next(one for one in two if one != own)
    rig.people.tick()
    rig.readers.delete(own)
    rig.readers.change(left, city="Ede")
    if is_met_by_a_call:
        rig.change(ann, lastname="Met")
        assert rig.cycle().gone == 1
    for _ in range(2):
        rig.wait(hours=12)
        read_account(rig.exchange)
    rig.change(ann, lastname="Other")
    rig.cycle()
    there = rig.there(ann)
    assert (there["id"], there["lastname"], there["city"]) == (left, "Other", "Ede")
    assert [*rig.brand.customers] == [left]
    rig.readers.unsubscribe(left)
    rig.cycle()
    assert rig.here(ann)["opt_in"] is False
    assert rig.calls(lambda: deliver(rig.exchange)) == 0


def test_a_token_that_ends_in_the_middle_is_a_setting_and_the_next_one_goes_on(rig: Rig) -> None:
    people = [rig.add(f"p{number}") for number in range(6)]
    rig.settings.batch = 2
    rig.pair()
    rig.brand.troubles.add(Trouble("fault", "customer_insertBulkUnique", status=202, skip=1))
    with pytest.raises(ConfigurationError, match="API token"):
        deliver(rig.exchange, approved=True)
    assert len(rig.brand.customers) == 2
    rig.people.tick()
    deliver(rig.exchange)
    assert sorted(rig.there(one)["lastname"] for one in people) == [f"P{number}" for number in range(6)]
    assert len(rig.brand.customers) == 6


@pytest.mark.parametrize(
    "at", [datetime(2027, 10, 31, hour, 20, tzinfo=UTC) for hour in (0, 1)] + [datetime(2027, 3, 28, 1, tzinfo=UTC)]
)
def test_when_the_clock_changes_a_word_keeps_its_hour_and_the_zone_is_not_doubted(rig: Rig, at: datetime) -> None:
    ann = rig.add("ann")
    rig.start()
    rig.people.now = at
    assert {one.question: one for one in probe(rig.exchange)}["time zone of dates"].is_safe
    rig.readers.unsubscribe(rig.there(ann)["id"])
    rig.wait(minutes=5)
    collect(rig.exchange)
    said = [row for row in rig.rows(consent_event) if row["side"] == "deployteq" and row["said"] == "no"]
    assert at <= said[0]["not_after"] <= rig.people.now
    assert rig.here(ann)["opt_in"] is False
    rig.wait(hours=2)
    rig.readers.subscribe(rig.there(ann)["id"])
    rig.cycle()
    rig.judge()
    assert rig.here(ann)["opt_in"] is True


def _deliver_in_time(rig: Rig, deployteq: Server, *, approved: bool = False) -> Delivered:
    """Deliver with a patience of a second."""
    with open_account(deployteq, longest_answer=1.0) as account:
        return deliver(replace(rig.exchange, account=account), approved=approved)


@pytest.mark.parametrize("action", ["hold", "hold after"])
def test_updates_that_take_too_long_go_in_halves_from_then_on(rig: Rig, deployteq: Server, action: str) -> None:
    people = [rig.add(f"p{number:02d}") for number in range(24)]
    rig.start()
    rig.settings.batch = 16
    before = len(rig.brand.journal)
    for person in people:
        rig.change(person, lastname="Other")
    rig.brand.troubles.add(Trouble(action, "customer_insertBulkUnique", times=99, more_than=8))
    assert _deliver_in_time(rig, deployteq).updated == 24
    assert rig.brand.journal[before:] == ["customer_insertBulkUnique"] * (1 + 2 + 1)
    assert {one["lastname"] for one in rig.brand.customers.values()} == {"Other"}


@pytest.mark.parametrize("action", ["hold", "hold after"])
def test_inserts_that_take_too_long_are_looked_for_and_the_others_go_in_halves(
    rig: Rig, deployteq: Server, action: str
) -> None:
    people = [rig.add(f"p{number:02d}") for number in range(40)]
    rig.settings.batch = 30
    rig.pair()
    rig.brand.troubles.add(Trouble(action, "customer_insertBulkUnique", times=99, more_than=15))
    first = _deliver_in_time(rig, deployteq, approved=True)
    assert (first.made, first.in_doubt) == (10, 30)
    # What may still be at work is left alone.
    again = _deliver_in_time(rig, deployteq)
    assert (again.made, again.in_doubt) == (0, 0)
    rig.people.tick()
    if action == "hold after":
        rig.readers.unsubscribe(next(iter(rig.brand.customers)))
    last = _deliver_in_time(rig, deployteq)
    assert (last.made, last.found) == ((30, 0) if action == "hold" else (0, 30))
    rig.cycle()
    assert (len(rig.brand.customers), rig.brand.greeted) == (40, [])
    assert sorted(rig.there(one)["lastname"] for one in people) == [f"P{number:02d}" for number in range(40)]
    noes = [one["optIn"] for one in rig.brand.customers.values()].count("N")
    assert noes == (1 if action == "hold after" else 0)


def test_a_size_that_the_account_does_not_take_is_found_once(rig: Rig) -> None:
    rig.brand.switches.batch_limit = 7
    for number in range(100):
        rig.add(f"p{number:03d}")
    rig.settings.batch = 20
    rig.pair()
    assert deliver(rig.exchange, approved=True).made == 100
    # Twenty in seven calls, ten in three, and then five in each.
    assert rig.brand.journal.count("customer_insertBulkUnique") == 7 + 3 + 14


@pytest.mark.parametrize(
    ("switch", "value", "answers"),
    [
        ("answer", "in order", {"in the order of the call", "changes the older; 1 came back"}),
        ("answer", "shuffled", {"in another order, 2 of 2"}),
        ("several_matches", "all", {"changes both; 2 came back"}),
        ("several_matches", "newest", {"changes the newer; 1 came back"}),
        ("several_matches", "fault", {"is refused"}),
    ],
)
def test_the_order_and_the_number_of_what_comes_back_are_measured(
    rig: Rig, switch: str, value: str, answers: set[str]
) -> None:
    setattr(rig.brand.switches, switch, value)
    findings = probe(rig.exchange)
    assert answers <= {one.answer for one in findings}
    assert all(one.is_safe for one in findings)
    assert rig.brand.customers == {}
