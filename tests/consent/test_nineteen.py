"""The ways in which a no was lost before there was a ledger, by number, and their kin: each ends at no.

Those that need a whole run are in the tests that tests/README.md names beside their numbers.
"""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

from crm_sync.consent.record_store import record_consent
from crm_sync.database.confirmed_values import store_confirmed_values
from crm_sync.database.tables.consent import address_consent
from crm_sync.database.tables.customers import salesforce_record
from crm_sync.mapping.model import CustomerFieldKind, FieldLink, ObjectMapping
from tests.consent.told import (
    ADA,
    BOB,
    Told,
    complain,
    contact,
    converted,
    lead,
    merged,
    no_here,
    no_here_before,
    yes_here,
)
from tests.rigs.story import START


def yes_here_and_blacklist(told: Told) -> None:
    """Let the person take the record's no back, and then be blacklisted."""
    yes_here(told)
    told.story.land(contact(no=True))
    told.change(ADA, status="Blacklist")
    told.story.land(contact(no=True))


def pushed(told: Told) -> None:
    """Let a push write another field of the first contact."""
    values = pd.DataFrame({"id": [contact()["Id"]], "field_values": ['{"LastName":"Byron"}']})
    with told.database.transaction() as connection:
        store_confirmed_values(connection, values, START + timedelta(minutes=30))


# What happens, who is at no then, and the records that Salesforce is to be written.
WAYS: dict[str, tuple[list[Any], str, set[str]]] = {
    "1 edited there": ([contact(), no_here, contact(at=5, LastName="Byron")], ADA, {"003"}),
    "2 read whole": ([contact(), no_here, contact()], ADA, {"003"}),
    "4 a second contact": ([[contact(1), contact(2)], contact(1, at=5, no=True), contact(2, at=6)], ADA, {"003"}),
    "5 a lead beside": ([contact(), lead(), lead(at=5, no=True)], ADA, {"003"}),
    "6 deleted, and again": ([contact(no=True), contact(at=5, no=True, IsDeleted="true"), lead(at=6)], ADA, {"00Q"}),
    "6 merged away": (
        [[contact(1, no=True), contact(2, BOB)], [merged(1, 2, at=5), contact(2, BOB, at=5)], lead(at=6)],
        ADA,
        {"00Q"},
    ),
    "7 corrected to it": ([[contact(1, no=True), contact(2, BOB)], contact(2, ADA, at=5)], ADA, {"003"}),
    "8 with a bad value": ([contact(), contact(at=5, no=True, Score__c="many")], ADA, set()),
    "8 with the address cleared": ([contact(), contact(1, None, at=5, no=True)], ADA, set()),
    "a yes waits to be written": ([contact(no=True), yes_here, no_here_before(contact(at=5))], ADA, {"003"}),
    "a yes that takes nothing back": ([contact(no=True), yes_here_and_blacklist, contact(at=2)], ADA, {"003"}),
    "the record that held it leaves": (
        [[contact(1, no=True), contact(2)], contact(1, None, at=5)],
        ADA,
        {"003"},
    ),
    "said by a call": ([contact(), complain], ADA, {"003"}),
    "un-ticked in a merge": (
        [[contact(1, no=True), contact(2)], [contact(1, at=5), merged(2, 1, at=5)]],
        ADA,
        {"003"},
    ),
    "un-ticked with a conversion": (
        [[contact(no=True)], [lead()], converted(into=1, at=5), contact(at=5)],
        ADA,
        {"003"},
    ),
    "another spelling of the mailbox": (
        [contact(1, "a@müller.de"), contact(2, "a@xn--mller-kva.de", no=True)],
        "a@müller.de",
        {"003"},
    ),
    "another case of the address": ([contact(no=True), lead(1, " ADA@X.org", at=5)], ADA, {"00Q"}),
    "17 an echo": ([contact(), pushed, no_here, contact(at=5, LastName="Byron")], ADA, {"003"}),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_is_not_lost(told: Told, way: str) -> None:
    steps, who, written = WAYS[way]
    told.live(*steps)
    assert who not in told.mailable()
    assert told.story.customer(who)["opt_in"] is False
    assert {(record[:3], said) for record, said in told.waiting()} == {(prefix, "no") for prefix in written}
    told.cycle()
    assert who not in told.mailable()


def bob_says_no(told: Told) -> None:
    told.change(BOB, opt_in=False)


def bob_says_yes_and_ada_s_record_comes(told: Told) -> None:
    told.change(BOB, opt_in=True)
    told.story.land(contact(1, BOB, at=50))


KIN: dict[str, tuple[list[Any], str]] = {
    "a new record has another spelling than the one that said no": (
        [contact(1, "a@müller.de", no=True), contact(2, "a@xn--mller-kva.de")],
        "a@xn--mller-kva.de",
    ),
    "the address changes": ([contact(), no_here, contact(1, BOB, at=50)], BOB),
    "another record keeps the address": ([[contact(1), contact(2)], no_here, contact(2, BOB, at=50)], BOB),
    "the address is cleared, and another one comes": (
        [contact(), no_here, contact(1, None, at=50), contact(1, BOB, at=51)],
        BOB,
    ),
    "a complaint goes along as one": (
        [contact(), complain, Told.deliver, contact(1, BOB, at=2, no=True), contact(1, BOB, at=3)],
        BOB,
    ),
    "a yes for the other address, before it came": (
        [[contact(1), contact(2, BOB)], no_here, bob_says_no, bob_says_yes_and_ada_s_record_comes],
        BOB,
    ),
    "the address of a joined customer": ([[contact(1), contact(2, BOB)], no_here, contact(1, BOB, at=50)], BOB),
    "a lead is converted": (
        [
            lead(no=True),
            converted(into=1, at=5, no=True),
            contact(1, BOB, at=5),
        ],
        BOB,
    ),
}


@pytest.mark.parametrize("way", KIN)
def test_no_goes_along(told: Told, way: str) -> None:
    steps, who = KIN[way]
    assert who not in told.live(*steps).mailable()


def test_status_of_the_marketer_comes_back_after_a_join(told: Told) -> None:
    told.live([contact(1), contact(2, BOB)], lambda told: told.change(ADA, mail_status="INACTIVE"))
    told.live(contact(1, BOB, at=5), contact(1, ADA, at=6))
    assert (told.story.customer(ADA)["mail_status"], told.story.customer(BOB)["mail_status"]) == ("INACTIVE", None)
    assert told.mailable() == {BOB}


def test_user_takes_back_the_no_of_a_lead_that_has_become_a_contact(told: Told) -> None:
    told.live(lead(no=True), [contact(at=5, no=True)], converted(into=1, at=5, no=True))
    told.story.now = at(20)
    told.live(contact(at=15, no=True, LastName="Byron"), contact(at=30))
    assert told.mailable() == {ADA}, "nobody can edit a converted lead"


def test_plus_makes_another_address(told: Told) -> None:
    told.live([contact(1, no=True), contact(2, "ada+news@x.org")])
    assert told.mailable() == {"ada+news@x.org"}


def test_who_is_deleted_in_salesforce_is_not_mailed_and_is_again_when_back(told: Told) -> None:
    told.live(contact(), contact(at=5, IsDeleted="true"))
    assert (told.mailable(), told.story.customer(ADA)["opt_in"], told.waiting()) == (set(), True, set())
    told.live(contact(at=6))
    assert told.mailable() == {ADA}


def test_customer_of_a_mapping_that_links_consent_has_no_gap_in_it(told: Told) -> None:
    told.live(contact() | {"HasOptedOutOfEmail": None})
    assert told.story.customer(ADA)["opt_in"] is False


def test_nobody_leaves_the_blacklist_by_a_record(told: Told) -> None:
    told.live(lead(), lambda told: told.change(ADA, status="Blacklist"), contact(at=5), lead(at=6, LastName="Byron"))
    assert (told.story.customer(ADA)["status"], told.story.customer(ADA)["opt_in"]) == ("Blacklist", False)


def test_no_that_a_delivery_finds_is_said_by_its_record(told: Told) -> None:
    told.live([contact(1), contact(2)], no_here)
    told.deliver(held=str(contact(1)["Id"]))
    told.live(contact(2, at=2))
    assert told.mailable() == set(), "the first record goes on saying no"


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def test_no_that_is_said_here_during_a_run_is_not_older_than_it_is(told: Told) -> None:
    told.live(contact())
    no_here(told)
    told.story.more = {"clock": lambda: at(60)}
    told.live(contact(at=5, no=True))
    told.story.more = {}
    told.story.now = at(60)
    told.live(contact(at=50))
    assert told.mailable() == set(), "in Salesforce the yes was said before anybody knew of the no here"


def test_records_of_a_run_before_are_known_as_of_then(told: Told) -> None:
    told.live(contact(no=True))
    record_consent(told.database, ADA, "no", at(20))
    told.story.now, told.story.more = at(30), {"read_from": at(10)}
    told.live(contact(at=9, no=True, LastName="Byron"))
    told.story.more = {}
    told.live(contact(at=15))
    assert told.mailable() == set(), "the yes was said before the no here"


def test_no_that_is_said_again_is_newer_whatever_this_clock_says(told: Told) -> None:
    told.story.now = at(60)
    told.live(contact(no=True), contact(at=30, no=True, LastName="Byron"))
    with told.database.transaction() as connection:
        assert connection.scalar(select(address_consent.c.not_after)) == at(30)


def test_address_that_was_cleared_stays_known(told: Told) -> None:
    told.live(contact(), contact(1, None, at=5), contact(1, None, at=5))
    (record,) = told.story.rows(salesforce_record, "id").values()
    assert (record["unique_key"], record["address_hash"]) == (None, told.database.hashes.of(ADA))


def test_no_of_another_address_that_a_new_record_brings_to_its_customer_counts(told: Told) -> None:
    key = FieldLink(salesforce_field="Score__c", kind=CustomerFieldKind.OPTION, name="score", unique=True)
    told.story.rules = told.story.rules.model_copy(
        update={name: _known_by(getattr(told.story.rules, name), key) for name in ("lead", "contact")}
    )
    told.live(lead(Score__c="7"), contact(1, BOB, Score__c="7", no=True))
    assert (told.story.customer("7")["email_address"], told.mailable()) == (BOB, set())


def _known_by(mapping: ObjectMapping, key: FieldLink) -> ObjectMapping:
    """Return the mapping with another unique field than the address."""
    others = [one.model_copy(update={"unique": False}) for one in mapping.links if one.target != key.target]
    return mapping.model_copy(update={"links": [*others, key]})
