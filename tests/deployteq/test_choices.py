"""What a person may choose: what becomes of changes there, which of several is paired, who is made again, a group."""

import pytest

from crm_sync.database.tables.campaigns import campaign, campaign_member
from crm_sync.exchange.collection import read_account
from crm_sync.exchange.consent import deliver_consent_there
from crm_sync.exchange.delivery import deliver
from crm_sync.exchange.settings import ChangesThere, SeveralThere
from tests.deployteq.rig import Rig


def test_what_changed_there_goes_on_to_salesforce_where_that_is_set(each_rig: Rig) -> None:
    rig = each_rig
    ann, bob, zoe = (rig.add(name) for name in ("ann", "bob", "zoe"))
    rig.start()
    rig.readers.change(rig.there(zoe)["id"], city="Kept")
    assert (rig.cycle().taken, rig.here(zoe)["city"], rig.rows(campaign_member)) == (1, "Kept", [])
    rig.settings.changes_there = ChangesThere.SEND
    rig.settings.campaign = "from there"
    rig.people.tick()
    for person, values in ((ann, {"city": "Urk"}), (bob, {"userName": "bobby"}), (zoe, {"lastname": "There"})):
        rig.readers.change(rig.there(person)["id"], **values)
    rig.change(zoe, lastname="Here")
    changed = rig.cycle()
    assert (changed.taken, changed.to_salesforce, changed.conflicts) == (2, 1, 1)
    assert (rig.here(ann)["city"], rig.here(bob)["user_name"], rig.there(zoe)["lastname"]) == ("Urk", "bobby", "Here")
    assert [row["customer_id"] for row in rig.rows(campaign_member)] == [ann]
    assert [row["name"] for row in rig.rows(campaign)] == ["from there"]
    rig.cycle()
    assert len(rig.rows(campaign_member)) == 1


@pytest.mark.parametrize("rule", SeveralThere)
def test_of_several_there_that_one_is_paired_that_the_setting_says(each_rig: Rig, rule: SeveralThere) -> None:
    rig = each_rig
    rig.settings.several_there = rule
    first, second = (rig.readers.insert(emailAddress="ann@example.com") for _ in "ab")
    rig.people.tick()
    rig.readers.change(second, city="Ede")
    ann = rig.add("ann", website="w" * 300)
    bob = rig.add("bob")
    account = rig.pair()
    found, too_long = account.figures, account.too_long
    is_undecided = rule is SeveralThere.NONE
    assert (found.paired, found.doubles, found.undecided) == ((0, 2, 1) if is_undecided else (1, 1, 0))
    assert (found.only_here, too_long) == (1, {} if is_undecided else {"website": 1})
    delivered = deliver(rig.exchange, approved=True)
    assert (delivered.made, len(rig.brand.customers), rig.there(bob)["lastname"]) == (1, 3, "Bob")
    named = [number for number in (first, second) if rig.brand.customers[number]["lastname"] == "Ann"]
    assert named == {"newest": [second], "oldest": [first], "none": []}[rule]
    rig.say_no_in_salesforce(ann)
    assert deliver_consent_there(rig.exchange).noes == 2
    if is_undecided:
        # Somebody decides there, or here.
        rig.settings.several_there = SeveralThere.OLDEST
        assert rig.pair().figures.undecided == 0
        rig.cycle()
        assert rig.there(ann)["id"] == first
        assert (rig.there(ann)["lastname"], rig.there(ann)["optIn"], len(rig.brand.customers)) == ("Ann", "N", 3)


def test_who_waits_for_none_of_several_is_paired_with_the_one_that_is_left(rig: Rig) -> None:
    rig.settings.several_there = SeveralThere.NONE
    first, second = (rig.readers.insert(emailAddress="ann@example.com") for _ in "ab")
    ann = rig.add("ann")
    rig.start()
    rig.readers.delete(first)
    for _ in range(3):
        rig.people.tick()
        rig.pair()
    rig.cycle()
    assert (rig.there(ann)["id"], rig.there(ann)["lastname"], [*rig.brand.customers]) == (second, "Ann", [second])


def test_what_changed_there_is_only_reported_where_that_is_set(rig: Rig) -> None:
    rig.settings.changes_there = ChangesThere.REPORT
    ann = rig.add("ann", city="Ede")
    rig.start()
    number = rig.there(ann)["id"]
    rig.people.tick()
    rig.readers.change(number, city="Urk", userName="annie", lastname="There")
    changed = rig.cycle()
    assert (changed.reported, changed.taken, changed.updated) == ({"city": 1, "lastname": 1}, 1, 0)
    here = rig.here(ann)
    assert (here["lastname"], here["city"], here["user_name"]) == ("Ann", "Ede", "annie")
    assert rig.cycle().reported == {}
    rig.change(ann, firstname="Anna", city="Urk")
    assert rig.cycle().reported == {"lastname": 1}
    assert (rig.there(ann)["lastname"], rig.there(ann)["firstname"]) == ("There", "Anna")
    rig.change(ann, lastname="Here")
    assert (rig.cycle().conflicts, rig.there(ann)["lastname"], rig.here(ann)["lastname"]) == (1, "Here", "Here")
    assert rig.cycle().reported == {}


def test_who_was_deleted_there_is_made_again_only_by_choice_and_with_the_no_that_stands(each_rig: Rig) -> None:
    rig = each_rig
    ann, bob, zoe = (rig.add(name) for name in ("ann", "bob", "zoe"))
    rig.start()
    rig.readers.unsubscribe(rig.there(ann)["id"])
    rig.cycle()
    for person in (ann, bob):
        rig.readers.delete(rig.there(person)["id"])
        rig.change(person, lastname="Other")
    rig.cycle()
    assert sorted(read_account(rig.exchange).deleted) == [ann, bob]
    rig.people.tick()
    assert deliver(rig.exchange, again=[ann], dry_run=True).made == 0
    done = deliver(rig.exchange, again=[ann, zoe])
    assert (done.again, done.made, len(rig.brand.customers)) == (1, 1, 2)
    assert (rig.there(ann)["lastname"], rig.there(ann)["optIn"]) == ("Other", "N")
    assert read_account(rig.exchange).deleted == (bob,)
    assert rig.calls(lambda: deliver(rig.exchange)) == 0


def test_who_was_joined_to_another_one_here_gets_a_no_and_comes_into_a_group(each_rig: Rig) -> None:
    rig = each_rig
    ann, bob, zoe, eve = (rig.add(name) for name in ("ann", "bob", "zoe", "eve"))
    rig.start()
    group = rig.brand.make_group("joined")
    rig.settings.joined_group = 999
    for loser in (bob, zoe):
        rig.change(loser, merged_into_customer_id=ann)
    assert rig.cycle().problems.sentences == [
        "Deployteq has no group 999; correct the group of joined customers in the block."
    ]
    rig.settings.joined_group = group
    gone = rig.there(zoe)["id"]
    rig.readers.delete(gone)
    assert rig.cycle().grouped == 1
    there = rig.there(bob)
    assert ([*rig.brand.members[group]], there["optIn"], there["lastname"]) == ([there["id"]], "N", "Bob")
    assert rig.there(ann)["optIn"] == "Y"
    assert rig.calls(lambda: deliver(rig.exchange)) == 0
    rig.change(bob, merged_into_customer_id=None)
    rig.cycle()
    assert (rig.brand.members[group], rig.there(eve)["optIn"]) == ({}, "Y")
