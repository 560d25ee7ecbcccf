"""The exchange with Deployteq: who is who, what is sent, what is taken, what a no does, what a kill leaves."""

import pytest

from crm_sync.errors import ConfigurationError, DeployteqUnavailableError, PersonNeededError
from crm_sync.exchange.collection import collect, forecast_reading, read_account
from crm_sync.exchange.consent import deliver_consent_there
from crm_sync.exchange.delivery import deliver
from crm_sync.exchange.probe import look_at_fields, probe
from standins.deployteq.faults import Trouble
from tests.deployteq.rig import Rig


def test_a_first_delivery_waits_for_a_pairing_its_acceptance_and_an_approval(rig: Rig) -> None:
    rig.settings.first_customers = 2
    for number in range(5):
        rig.add(f"p{number}")
    with pytest.raises(ConfigurationError, match="deployteq-pairing"):
        deliver(rig.exchange)
    read_account(rig.exchange)
    with pytest.raises(PersonNeededError, match="Accept the pairing"):
        deliver(rig.exchange, approved=True)
    rig.pair()
    first = deliver(rig.exchange)
    assert (first.made, first.waiting, len(rig.brand.customers)) == (2, 3, 2)
    assert deliver(rig.exchange).made == 0
    assert deliver(rig.exchange, approved=True).made == 3
    stamps = {one["options"]["salesforce_first_delivery"] for one in rig.brand.customers.values()}
    assert stamps == {f"{rig.people.now:%Y-%m-%d}"}
    assert rig.readers.mail_new_customers("salesforce_first_delivery") == 0
    assert not rig.readers.wrong_mails


def test_only_what_differs_is_sent_and_nothing_when_nothing_changed(rig: Rig) -> None:
    people = [rig.add(f"p{number}") for number in range(120)]
    assert rig.calls(rig.start) <= 2 + 10
    before = {number: one["modifiedAt"] for number, one in rig.brand.customers.items()}
    assert rig.calls(lambda: deliver(rig.exchange)) == 0
    rig.change(people[3], lastname="Other")
    assert rig.calls(lambda: deliver(rig.exchange)) == 1
    changed = [number for number, one in rig.brand.customers.items() if one["modifiedAt"] != before[number]]
    assert [rig.brand.customers[number]["lastname"] for number in changed] == ["Other"]
    assert rig.calls(lambda: deliver(rig.exchange)) == 0
    rig.cycle()
    assert rig.calls(lambda: collect(rig.exchange)) <= 4


def test_a_dry_run_writes_nothing_and_forecasts_the_calls_of_the_run_after_it(rig: Rig) -> None:
    people = [rig.add(f"p{number}") for number in range(60)]
    forecast = forecast_reading(rig.exchange)
    assert abs(rig.calls(rig.pair) - forecast.calls) <= 3
    rig.settings.first_customers = 1_000

    def compare(*changed: int) -> None:
        for person in changed:
            rig.change(person, lastname=f"Other {person}", email_address=f"other{person}@example.com")
        before = [dict(one) for one in rig.brand.customers.values()]
        planned = deliver(rig.exchange, dry_run=True)
        assert [*rig.brand.customers.values()] == before
        done = deliver(rig.exchange)
        assert (done.made, done.updated) == (planned.made, planned.updated)
        assert abs(done.calls - planned.calls_forecast) <= max(3, 0.1 * done.calls)

    compare()
    compare(*people[:5])
    compare(*people[:40])
    rig.add("new")
    compare(*people)


def test_an_opt_out_in_deployteq_goes_to_salesforce_and_comes_back_by_nothing(rig: Rig) -> None:
    ann = rig.add("ann")
    rig.start()
    rig.people.tick()
    rig.readers.unsubscribe(rig.there(ann)["id"])
    rig.cycle()
    assert rig.here(ann)["opt_in"] is False
    assert rig.waiting_for_salesforce() == [(rig.here(ann)["salesforce_id"], "no")]
    assert rig.brand.members[rig.brand.outbox] == {}
    rig.change(ann, lastname="Other")
    rig.cycle()
    rig.judge()
    assert (rig.there(ann)["lastname"], rig.there(ann)["optIn"], rig.here(ann)["opt_in"]) == ("Other", "N", False)


def test_an_opt_out_here_is_written_there_to_doubles_too(rig: Rig) -> None:
    for _ in range(2):
        rig.readers.insert(emailAddress="ann@example.com")
    ann = rig.add("ann")
    found = rig.pair()
    assert (found.figures.paired, found.figures.doubles) == (1, 1)
    deliver(rig.exchange, approved=True)
    rig.say_no_in_salesforce(ann)
    assert deliver_consent_there(rig.exchange).noes == 2
    assert {one["optIn"] for one in rig.brand.customers.values()} == {"N"}
    assert len([one for one in rig.brand.customers.values() if one["lastname"] == "Ann"]) == 1
    rig.cycle()
    rig.judge()
    assert rig.here(ann)["opt_in"] is False


def test_who_subscribes_again_there_is_mailed_again_and_salesforce_is_told(rig: Rig) -> None:
    ann = rig.add("ann")
    rig.start()
    rig.people.tick()
    rig.readers.unsubscribe(rig.there(ann)["id"])
    rig.cycle()
    rig.people.tick()
    rig.readers.subscribe(rig.there(ann)["id"])
    rig.cycle()
    rig.judge()
    assert rig.here(ann)["opt_in"] is True
    assert rig.calls(lambda: deliver_consent_there(rig.exchange)) == 0


def test_a_yes_from_here_lifts_a_no_there_unless_it_was_said_again(rig: Rig) -> None:
    ann, bob = rig.add("ann"), rig.add("bob")
    rig.start()
    for person in (ann, bob):
        rig.say_no_in_salesforce(person)
    deliver_consent_there(rig.exchange)
    rig.cycle()
    for person in (ann, bob):
        rig.people.set(person, opt_in=True)
    rig.judge()
    rig.people.tick()
    rig.readers.change(rig.there(bob)["id"], optIn="N", city="Ede")
    assert rig.here(bob)["opt_in"] is True
    delivered = deliver_consent_there(rig.exchange)
    assert (delivered.yeses, rig.there(ann)["optIn"], rig.there(bob)["optIn"]) == (1, "Y", "N")
    assert rig.here(bob)["opt_in"] is False


def test_an_insert_always_says_what_stands(rig: Rig) -> None:
    ann, bob = rig.add("ann"), rig.add("bob")
    rig.say_no_in_salesforce(bob)
    rig.start()
    assert (rig.there(ann)["optIn"], rig.there(bob)["optIn"]) == ("Y", "N")
    assert rig.here(ann)["opt_in"] is True


def test_what_changed_there_is_taken_and_what_changed_on_both_sides_is_salesforces(rig: Rig) -> None:
    ann = rig.add("ann", city="Ede")
    rig.start()
    number = rig.there(ann)["id"]
    rig.people.tick()
    rig.readers.change(number, city="Urk", userName="annie", birthday="1980-02-03", lastname="There")
    rig.change(ann, lastname="Here")
    delivered = rig.cycle()
    here = rig.here(ann)
    assert (delivered.conflicts, rig.there(ann)["lastname"], here["lastname"]) == (1, "Here", "Here")
    assert (here["city"], here["user_name"], str(here["birthday"])) == ("Urk", "annie", "1980-02-03")
    assert rig.calls(rig.cycle) <= 4
    rig.change(ann, city="Assen")
    rig.cycle()
    assert rig.there(ann)["city"] == "Assen"


def test_one_bad_record_is_found_and_the_others_go(rig: Rig) -> None:
    rig.brand.switches.too_long = "refused"
    people = [rig.add(f"p{number}") for number in range(20)]
    rig.change(people[7], website="w" * 300)
    rig.change(people[8], firstname="a\u000bb")
    rig.brand.option_fields.discard("salesforce_lead_id")
    delivered = rig.start()
    assert (delivered.made, delivered.left_out, delivered.cleaned) == (20, {"website": 1}, 1)
    rig.change(people[7], website="")
    rig.brand.troubles.add(Trouble("fault", "customer_update", status=751))
    rig.change(people[6], lastname="Other")
    assert rig.cycle().refused == {"751": 1}


@pytest.mark.parametrize("action", ["reset", "reset after", "truncate"])
def test_an_insert_without_an_answer_is_looked_for_before_it_is_sent_again(rig: Rig, action: str) -> None:
    people = [rig.add(f"p{number}") for number in range(3)]
    rig.pair()
    rig.brand.troubles.add(Trouble(action, "customer_insertBulkUnique"))
    with pytest.raises(DeployteqUnavailableError):
        deliver(rig.exchange, approved=True)
    rig.people.tick()
    if action != "reset":
        rig.readers.unsubscribe(next(iter(rig.brand.customers)))
    deliver(rig.exchange, approved=True)
    rig.cycle()
    assert len(rig.brand.customers) == 3
    assert [rig.there(one)["lastname"] for one in people] == ["P0", "P1", "P2"]
    if action != "reset":
        assert rig.there(people[0])["optIn"] == "N"
        assert rig.here(people[0])["opt_in"] is False


def test_who_was_deleted_there_is_not_made_again(rig: Rig) -> None:
    ann, bob = rig.add("ann"), rig.add("bob")
    rig.start()
    rig.readers.delete(rig.there(ann)["id"])
    rig.change(ann, lastname="Other")
    assert rig.cycle().gone == 1
    assert [one["lastname"] for one in rig.brand.customers.values()] == ["Bob"]
    rig.change(ann, lastname="Third")
    assert rig.calls(rig.cycle) <= 4
    rig.readers.delete(rig.there(bob)["id"])
    rig.people.tick()
    missing = [read_account(rig.exchange).missing.deleted for _ in range(2) if rig.people.tick()]
    assert missing == [0, 1]


@pytest.mark.parametrize(
    ("switch", "value", "unsafe"),
    [
        ("zone", "Europe/Amsterdam", ""),
        ("left_out", "emptied", "are emptied"),
        ("clears", "nil", ""),
        ("clears", "empty", ""),
        ("clears", "neither", "by nothing"),
        ("several_matches", "newest", ""),
        ("several_matches", "all", ""),
        ("several_matches", "fault", ""),
        ("default_sms_opt_in", "Y", ""),
        ("batch_limit", 1, ""),
        ("polls", 7, ""),
        ("extra_field", "loyaltyLevel", ""),
        ("answer", "changed", ""),
        ("zone", "UTC", "minutes off"),
        ("zone", "Asia/Tokyo", "minutes off"),
        ("bad_record", "fails itself", ""),
        ("too_long", "refused", ""),
        ("match_case", True, ""),
        ("answer", "shuffled", ""),
        ("default_opt_in", "N", ""),
        ("lists_fields", False, ""),
    ],
)
def test_what_is_not_known_is_measured_and_what_is_unsafe_stops_the_delivery(
    rig: Rig, switch: str, value: object, unsafe: str
) -> None:
    ann, bob = rig.add("ann", city="Ede"), rig.add("bob")
    setattr(rig.brand.switches, switch, value)
    findings = [*look_at_fields(rig.exchange), *probe(rig.exchange)]

    found = " ".join(one.answer for one in findings if not one.is_safe)
    assert unsafe in found if unsafe else not found
    assert rig.brand.customers == {}
    rig.pair()
    if unsafe:
        with pytest.raises(ConfigurationError, match="otherwise than is safe"):
            deliver(rig.exchange, approved=True)
    else:
        deliver(rig.exchange, approved=True)
        rig.change(ann, lastname="Other", city=None)
        rig.cycle()
        there = rig.there(ann)
        assert (there["lastname"], there["city"], there["optIn"]) == ("Other", "", "Y")
        assert (len(rig.brand.customers), rig.there(bob)["lastname"]) == (2, "Bob")
        assert rig.calls(lambda: deliver(rig.exchange)) == 0


@pytest.mark.parametrize(
    ("switch", "value"),
    [("answer", "shuffled"), ("answer", "changed"), ("bad_record", "fails itself"), ("too_long", "refused")],
)
def test_answers_in_any_form_are_matched_to_their_customers(rig: Rig, switch: str, value: str) -> None:
    people = [rig.add(f"p{number}") for number in range(15)]
    setattr(rig.brand.switches, switch, value)
    rig.start()
    for person in people[:12]:
        rig.change(person, lastname=f"Other {person}")
    rig.cycle()
    assert [rig.there(one)["lastname"] for one in people[:13]] == [*(f"Other {one}" for one in people[:12]), "P12"]
    assert {rig.there(one)["id"] for one in people} == {*rig.brand.customers}


def test_an_option_field_that_the_brand_lacks_is_left_out_and_told(rig: Rig) -> None:
    ann = rig.add("ann", options={"salesforce_contact_id": "003A", "salesforce_lead_id": "00QB"})
    rig.brand.option_fields.add("salesforce_contact_id")
    delivered = rig.start()
    assert (delivered.made, [*delivered.lacking]) == (1, ["salesforce_lead_id"])
    assert rig.there(ann)["options"]["salesforce_contact_id"] == "003A"
    rig.brand.option_fields.add("salesforce_lead_id")
    read_account(rig.exchange)
    rig.change(ann, lastname="Other")
    assert rig.cycle().lacking == set()
    assert rig.there(ann)["options"]["salesforce_lead_id"] == "00QB"
    rig.brand.option_fields.discard("salesforce_customer")
    read_account(rig.exchange)
    with pytest.raises(ConfigurationError, match="the brand lacks salesforce_customer"):
        deliver(rig.exchange)
