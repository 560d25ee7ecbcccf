"""What would do harm in Deployteq: somebody made anew, doubled, mixed up, mailed against a wish, emptied by mistake."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, update

from crm_sync.consent.deployteq_store import find_waiting_alert, read_waiting_noes
from crm_sync.database.tables.consent import consent_event
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.database.tables.deployteq import deployteq_customer, deployteq_resource
from crm_sync.errors import DeployteqUnavailableError
from crm_sync.exchange.collection import collect
from crm_sync.exchange.consent import deliver_consent_there
from crm_sync.exchange.delivery import deliver
from standins.deployteq.faults import Trouble
from standins.deployteq.server import Server
from tests.deployteq.conftest import open_account
from tests.deployteq.rig import Rig, count


@pytest.fixture
def rig(each_rig: Rig) -> Rig:
    """On either database."""
    return each_rig


def _everybody_is_changed(rig: Rig, people: list[int], name: str) -> None:
    for person in people:
        rig.change(person, lastname=f"{name} {person}")


def test_who_is_gone_there_is_never_made_anew_so_that_a_mail_could_go_out(rig: Rig) -> None:
    people = [rig.add(f"p{number}") for number in range(15)]
    rig.start()
    rig.wait(days=8)
    gone = [rig.there(one)["id"] for one in people[:2]]
    for number in gone:
        rig.readers.delete(number)
    rig.change(people[0], email_address="new@example.com")
    _everybody_is_changed(rig, people, "Other")
    delivered = rig.cycle()
    assert (delivered.gone, delivered.updated, len(rig.brand.customers)) == (2, 13, 13)
    assert rig.brand.greeted == []
    assert rig.brand.journal.count("customer_delete") == 1
    assert rig.calls(rig.cycle) <= 4


@pytest.mark.parametrize("rule", ["first", "newest", "all"])
def test_a_customer_that_somebody_copied_there_is_not_deleted(rig: Rig, rule: str) -> None:
    people = [rig.add(f"p{number}") for number in range(12)]
    rig.start()
    rig.people.tick()
    own = rig.there(people[0])
    rig.brand.switches.several_matches = rule
    option = {"name": "salesforce_customer", "value": own["options"]["salesforce_customer"]}
    copy = rig.readers.insert(emailAddress="copy@example.com", options=[option])
    rig.people.tick()
    _everybody_is_changed(rig, people, "Other")
    delivered = rig.cycle()
    assert (delivered.updated, delivered.gone) == (12, 0)
    assert copy in rig.brand.customers
    assert [rig.there(one)["lastname"] for one in people] == [f"Other {one}" for one in people]


def test_an_identity_that_somebody_blanked_there_is_written_again(rig: Rig) -> None:
    people = [rig.add(f"p{number}") for number in range(12)]
    rig.start()
    rig.people.tick()
    rig.readers.change(rig.there(people[0])["id"], options=[{"name": "salesforce_customer", "value": ""}])
    rig.brand.members[rig.brand.outbox].clear()
    _everybody_is_changed(rig, people, "Other")
    rig.cycle()
    assert len(rig.brand.customers) == 12
    assert rig.brand.greeted == []
    assert rig.there(people[0])["options"]["salesforce_customer"].startswith(f"crm-{people[0]}-")


def test_a_number_that_a_restored_database_gives_again_leads_to_nobody_else(rig: Rig) -> None:
    ann = rig.add("ann")
    rig.start()
    before = dict(rig.there(ann))
    with rig.database.transaction() as connection:
        for table in (deployteq_customer, salesforce_record, customer):
            connection.execute(delete(table))
    rig.wait(hours=1)
    bob = rig.people.add("bob@example.com", "003000000000000777")
    if bob != ann:
        with rig.database.transaction() as connection:
            connection.execute(update(customer).values(id=ann))
    rig.change(ann, lastname="Bob", status="Customer")
    rig.pair()
    deliver(rig.exchange, approved=True)
    assert rig.brand.customers[before["id"]] == before
    assert rig.there(ann)["lastname"] == "Bob"


@pytest.mark.parametrize("says", ["Y", "N"])
def test_who_came_there_by_a_form_since_the_last_reading_gets_no_double(rig: Rig, says: str) -> None:
    rig.start()
    rig.wait(days=8)
    number = rig.readers.insert(emailAddress="ZOE@example.com", optIn=says, city="Ede")
    zoe = rig.add("zoe")
    assert rig.cycle().found == 1
    rig.cycle()
    assert [*rig.brand.customers] == [number]
    there, here = rig.there(zoe), rig.here(zoe)
    assert (there["lastname"], there["city"], there["optIn"], here["opt_in"]) == ("Zoe", "Ede", says, says == "Y")


def test_more_new_customers_than_usual_wait_for_a_person(rig: Rig) -> None:
    rig.add("ann")
    rig.start()
    rig.wait(days=8)
    for number in range(50):
        rig.add(f"p{number}")
    assert rig.cycle().made == 50
    assert len(rig.brand.greeted) == 50
    for number in range(51):
        rig.add(f"q{number}")
    waits = rig.cycle()
    assert (waits.made, waits.waiting, len(rig.brand.customers)) == (0, 51, 51)
    goes = rig.cycle(approved=True)
    assert (goes.made, goes.waiting, len(rig.brand.greeted)) == (51, 0, 50)


def test_values_that_somebody_emptied_for_many_there_wait_for_a_person(rig: Rig) -> None:
    people = [rig.add(f"p{number}", city="Ede") for number in range(60)]
    rig.start()
    rig.people.tick()
    for person in people[:20]:
        rig.readers.change(rig.there(person)["id"], city="")
    few = rig.cycle()
    assert (few.taken, few.held) == (20, 0)
    rig.people.tick()
    for person in people:
        rig.readers.change(rig.there(person)["id"], title="Dr")
    assert rig.cycle().held == 0
    rig.people.tick()
    for person in people:
        rig.readers.change(rig.there(person)["id"], title="")
    many = rig.cycle()
    assert (many.held, many.taken) == (60, 0)
    assert {rig.here(one)["title"] for one in people} == {"Dr"}
    assert rig.cycle(approved=True).taken == 60
    assert {rig.here(one)["title"] for one in people} == {None}


def test_a_no_to_sms_is_collected_written_and_said_with_every_insert(rig: Rig) -> None:
    rig.brand.switches.default_sms_opt_in = "Y"
    ann, bob, eve = (rig.add(name, sms_opt_in=True, sms_opt_in_set=True) for name in ("ann", "bob", "eve"))
    zoe = rig.add("zoe")
    rig.start()
    assert [rig.there(one)["smsOptIn"] for one in (ann, bob, eve, zoe)] == ["Y", "Y", "Y", "N"]
    rig.people.tick()
    rig.readers.change(rig.there(ann)["id"], smsOptIn="N")
    rig.people.set(bob, sms_opt_in=False)
    rig.judge()
    rig.cycle()
    assert [rig.here(one)["sms_opt_in"] for one in (ann, bob, eve)] == [False, False, True]
    assert [rig.there(one)["smsOptIn"] for one in (ann, bob, eve)] == ["N", "N", "Y"]
    assert rig.there(bob)["optIn"] == "Y"
    rig.cycle()
    rig.judge()
    assert [rig.here(one)["sms_opt_in"] for one in (ann, bob, eve)] == [False, False, True]
    assert rig.calls(lambda: deliver_consent_there(rig.exchange)) == 0


def test_a_no_to_sms_that_is_only_the_default_there_is_nobodys_word(rig: Rig) -> None:
    ann, bob = rig.add("ann"), rig.add("bob", sms_opt_in=True, sms_opt_in_set=True)
    rig.start()
    assert [rig.there(one)["smsOptIn"] for one in (ann, bob)] == ["N", "Y"]
    for turn in range(2):
        for person in (ann, bob):
            rig.people.tick()
            rig.readers.change(rig.there(person)["id"], city=f"City {turn}")
            rig.change(person, lastname=f"Other {turn}")
        rig.cycle()
        rig.judge()
    assert rig.rows(consent_event) == []
    assert [rig.here(one)["sms_opt_in"] for one in (ann, bob)] == [None, True]
    rig.readers.change(rig.there(bob)["id"], smsOptIn="N")
    rig.cycle()
    rig.judge()
    rig.people.set(bob, sms_opt_in=True)
    rig.judge()
    assert rig.here(bob)["sms_opt_in"] is True
    # Whoever said it before may have said it again.
    rig.people.tick()
    rig.readers.change(rig.there(bob)["id"], city="Ede")
    rig.cycle()
    assert rig.here(bob)["sms_opt_in"] is False


def test_a_no_that_is_said_while_a_delivery_is_under_way_is_in_the_insert(rig: Rig, deployteq: Server) -> None:
    """The page of candidates is older than the call."""
    people = [rig.add(f"p{number}") for number in range(3)]
    rig.settings.batch = 1
    rig.pair()
    to_opt_out = [people[2]]

    def before_each_call() -> None:
        if to_opt_out:
            rig.say_no_in_salesforce(to_opt_out.pop())

    with open_account(deployteq, throttle=before_each_call) as account:
        deliver(replace(rig.exchange, account=account), approved=True)
    assert [rig.there(one)["optIn"] for one in people] == ["Y", "Y", "N"]


def test_a_no_that_waits_for_deployteq_longer_than_an_hour_is_an_alert(rig: Rig) -> None:
    ann = rig.add("ann")
    rig.start()

    def alert() -> tuple[int, list[str]]:
        with rig.database.transaction() as connection:
            waiting = read_waiting_noes(connection)
        return waiting.number, [*find_waiting_alert(waiting, rig.people.now).values()]

    assert alert() == (0, [])
    rig.say_no_in_salesforce(ann)
    since = rig.people.now
    assert alert() == (1, [])
    rig.wait(minutes=61)
    rig.change(ann, lastname="Other")
    told = f"Opt-outs that Deployteq does not know of yet: 1, the oldest since {since:%Y-%m-%d %H:%M} UTC."
    assert alert() == (1, [told])
    rig.cycle()
    assert alert() == (0, [])


def test_results_that_could_not_be_freed_are_freed_by_a_later_run(rig: Rig) -> None:
    rig.brand.troubles.add(Trouble("reset", "resource_free", times=3))
    rig.people.tick()
    collect(rig.exchange)
    assert len(rig.brand.resources) == count(rig, deployteq_resource) == 3
    collect(rig.exchange)
    assert (rig.brand.resources, count(rig, deployteq_resource)) == ({}, 0)
    lost = rig.brand.number()
    held = {"brand": rig.exchange.brand, "resource_id": lost, "is_over": False}
    with rig.database.transaction() as connection:
        connection.execute(insert(deployteq_resource).values(**held, held_at=rig.people.now))
    collect(rig.exchange)
    assert count(rig, deployteq_resource) == 1  # another run may be reading it
    rig.people.now += timedelta(days=2)
    collect(rig.exchange)
    assert count(rig, deployteq_resource) == 0


def test_an_insert_that_may_still_be_at_work_is_not_sent_again(rig: Rig) -> None:
    people = [rig.add(f"p{number}") for number in range(4)]
    rig.pair()
    rig.settings.batch = 2
    rig.brand.troubles.add(Trouble("reset", "customer_insertBulkUnique"))
    with pytest.raises(DeployteqUnavailableError):
        deliver(rig.exchange, approved=True)
    # Of the second call it is known that it was never made.
    assert deliver(rig.exchange).made == 2
    rig.people.tick()
    assert deliver(rig.exchange).made == 2
    assert sorted(rig.there(one)["lastname"] for one in people) == ["P0", "P1", "P2", "P3"]
    assert len(rig.brand.customers) == 4
