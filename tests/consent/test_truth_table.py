"""The truth table of consent, row by row: who stands where after what was seen, and what Salesforce is told."""

from typing import Any

import pytest
from sqlalchemy import insert

from crm_sync.consent.cycle_store import Cycle, close_cycle
from crm_sync.consent.record_store import record_consent
from crm_sync.database.tables.customers import customer
from crm_sync.mapping.model import FieldLink, MappingRules, ObjectMapping
from tests.consent.told import (
    ADA,
    BOB,
    LINKED,
    Told,
    complain,
    contact,
    converted,
    lead,
    no_here,
    no_here_before,
    yes_here,
)

NO_THERE, YES_THERE = {("003", "no")}, {("003", "yes")}


def delivered(told: Told) -> None:
    """Let Salesforce take what waits, and let an hour go by."""
    told.deliver()


def here_before_any_sync(told: Told, *, opt_in: bool) -> None:
    """Let somebody's SQL make a customer."""
    now = told.story.now
    row = {
        "unique_key": ADA,
        "email_address": ADA,
        "opt_in": opt_in,
        "options": {},
        "created_at": now,
        "modified_at": now,
    }
    with told.database.transaction() as connection:
        connection.execute(insert(customer).values(row))


def no_by_hand(told: Told) -> None:
    here_before_any_sync(told, opt_in=False)


def yes_by_hand(told: Told) -> None:
    here_before_any_sync(told, opt_in=True)


def users_may_not_lift(told: Told) -> None:
    """Let a user's yes be seen where only the person may subscribe again."""
    told.story.land(contact(at=9))
    with told.database.transaction() as connection:
        cycle = Cycle(told.database.hashes, told.story.run, told.story.now, LINKED, users_may_lift=False)
        close_cycle(connection, cycle)


READ_BACK = contact(at=3, no=True)
# What stood and what is seen; whether ADA (or BOB) is at no then; what waits for Salesforce.
ROWS: dict[str, tuple[list[Any], str, bool, set[tuple[str, str]]]] = {
    "yes; here no": ([contact(), no_here], ADA, True, NO_THERE),
    "yes; Salesforce no": ([contact(), contact(at=5, no=True)], ADA, True, set()),
    "yes; Salesforce no, on another record of the address": (
        [contact(), lead(), lead(at=5, no=True)],
        ADA,
        True,
        NO_THERE,
    ),
    "yes; here no, Salesforce changed another field": (
        [contact(), no_here_before(contact(at=5, LastName="Byron"))],
        ADA,
        True,
        NO_THERE,
    ),
    "no here, delivered and read back; a user's yes": (
        [contact(), no_here, delivered, READ_BACK, contact(at=9)],
        ADA,
        False,
        set(),
    ),
    "the same, not read back": ([contact(), no_here, delivered, contact(at=9)], ADA, True, NO_THERE),
    "the same, where the setting does not allow it": (
        [contact(), no_here, delivered, READ_BACK, users_may_not_lift],
        ADA,
        True,
        NO_THERE,
    ),
    "no here, not delivered; Salesforce still yes, newer stamp": (
        [contact(), no_here, contact(at=9)],
        ADA,
        True,
        NO_THERE,
    ),
    "no of Salesforce; a database that says yes": ([contact(), contact(no=True, at=1)], ADA, True, set()),
    "no here; the person's yes, later": (
        [contact(), no_here, delivered, READ_BACK, yes_here],
        ADA,
        False,
        YES_THERE,
    ),
    "complaint; a user's yes": ([contact(), complain, delivered, READ_BACK, contact(at=9)], ADA, True, NO_THERE),
    "first sight: here yes, Salesforce no": ([yes_by_hand, contact(no=True)], ADA, True, set()),
    "first sight: here no, Salesforce yes": ([no_by_hand, contact()], ADA, True, NO_THERE),
    "no; address changed": ([contact(no=True), contact(1, BOB, at=5, no=True)], BOB, True, set()),
    "yes; address changed to one at no": (
        [[contact(1, no=True), contact(2, BOB)], contact(2, ADA, at=5)],
        ADA,
        True,
        NO_THERE,
    ),
    "no; deleted, and the address comes again with yes": (
        [contact(no=True), contact(at=5, no=True, IsDeleted="true"), contact(2, at=9)],
        ADA,
        True,
        NO_THERE,
    ),
    "yes; here no and Salesforce yes in one cycle": (
        [contact(no=True), yes_here, delivered, contact(at=3), no_here_before(contact(at=5))],
        ADA,
        True,
        NO_THERE,
    ),
    "yes; a no of a record that is rejected": ([contact(), contact(at=5, no=True, Score__c="many")], ADA, True, set()),
}


@pytest.mark.parametrize("row", ROWS)
def test_row_of_the_truth_table(told: Told, row: str) -> None:
    steps, who, stands_at_no, sent = ROWS[row]
    told.live(*steps)
    assert (who in told.mailable()) is not stands_at_no
    assert told.story.customer(who)["opt_in"] is not stands_at_no
    assert {(record[:3], said) for record, said in told.waiting()} == sent


def test_no_for_the_address_of_a_joined_customer_acts_at_once_on_whoever_it_was_joined_to(told: Told) -> None:
    told.live(contact(1, BOB), lead(), converted(into=1, at=5), contact(1, BOB, at=5))
    assert told.mailable() == {BOB}
    record_consent(told.database, ADA, "no", told.story.now)
    assert told.mailable() == set(), "a converted lead and its contact are one person"
    told.cycle()
    assert told.waiting() == {(contact(1)["Id"], "no")}
    told.deliver()
    record_consent(told.database, BOB, "yes", told.story.now)
    told.cycle()
    assert told.mailable() == set(), "a yes is for one address"
    record_consent(told.database, ADA, "yes", told.story.now)
    told.cycle()
    assert told.mailable() == {BOB}, "and that for the other address is the way back"


def test_no_counts_for_every_customer_with_the_address(told: Told) -> None:
    links = [
        FieldLink(salesforce_field="Id", name="external_id", unique=True),
        FieldLink(salesforce_field="Email", name="email_address"),
        FieldLink(salesforce_field="HasOptedOutOfEmail", name="opt_in", opposite=True),
    ]
    told.story.rules = MappingRules(lead=ObjectMapping(links=links), contact=ObjectMapping(links=links))
    told.live([contact(1), contact(2, "ADA@x.org"), contact(3, BOB)])
    assert len(told.mailable()) == 3
    told.live(contact(1, at=5, no=True))
    assert told.mailable() == {contact(3)["Id"]}
    assert told.waiting() == {(contact(2)["Id"], "no")}
    told.live(contact(3, ADA, at=6))
    assert told.mailable() == set(), "and for who gets it later"
