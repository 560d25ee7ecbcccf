"""What somebody would try who does not believe that a no is kept: ordinary acts in a nasty order, through landing."""

from typing import Any

import pytest

from crm_sync.erasure.person_store import erase, find_person
from crm_sync.mapping.model import FieldLink, MappingRules
from crm_sync.sobject import SObject
from tests.consent.told import ADA, BOB, Told, contact, converted, lead, merged, no_here, yes_here
from tests.rigs.story import Record, rules_by_email

NO_SMS = FieldLink(salesforce_field="NoSms__c", name="sms_opt_in", opposite=True)


def erase_bob(told: Told) -> None:
    """Let Bob be erased, as he asked for."""
    with told.database.transaction() as connection:
        hashes = told.database.hashes
        erase(connection, hashes, find_person(connection, hashes, BOB), told.story.now)


def bob_says_no(told: Told) -> None:
    """Let somebody's SQL say no for Bob."""
    told.change(BOB, opt_in=False)


def opt_out_means_the_opposite(told: Told) -> None:
    """Let somebody think that true in the field means Yes, and change the mapping."""
    rules = told.story.rules
    flipped = {
        name: mapping.model_copy(update={"links": [_flipped(link) for link in mapping.links]})
        for name, mapping in (("lead", rules.lead), ("contact", rules.contact))
    }
    told.story.rules = rules.model_copy(update=flipped)
    told.story.more = {"new_consent": list(SObject)}


def _flipped(link: FieldLink) -> FieldLink:
    # As a field with another name would be; the known ones cannot be linked so.
    return link.model_copy(update={"opposite": not link.opposite}) if link.is_consent else link


def with_sms(told: Told) -> None:
    """Map SMS too."""
    rules = rules_by_email()
    own = {
        "lead": rules.lead.model_copy(update={"links": [*rules.lead.links, NO_SMS]}),
        "contact": rules.contact.model_copy(update={"links": [*rules.contact.links, NO_SMS]}),
    }
    told.story.rules = MappingRules.model_copy(rules, update=own)


BOTH = [contact(1, no=True), contact(2, BOB)]
# What happens, and who may be mailed then.
SEQUENCES: dict[str, tuple[list[Any], set[str]]] = {
    "merged into somebody who was erased, and entered again": (
        [BOTH, erase_bob, [merged(1, 2, at=5), contact(2, BOB, at=5)], contact(3, at=6), lead(4, BOB, at=6)],
        set(),
    ),
    "merged into somebody who was erased and gets the address": (
        [BOTH, erase_bob, [merged(1, 2, at=5), contact(2, ADA, at=5)], lead(4, at=6)],
        set(),
    ),
    "erased, and entered again by another record": (
        [[contact(1, BOB, no=True)], erase_bob, contact(2, BOB, at=5)],
        set(),
    ),
    "two people swap addresses while a no waits": (
        [[contact(1), contact(2, BOB)], no_here, [contact(1, BOB, at=50), contact(2, ADA, at=50)]],
        set(),
    ),
    "swapped, and swapped back": (
        [[*BOTH], [contact(1, BOB, at=5, no=True), contact(2, ADA, at=5)], [contact(1, at=9), contact(2, BOB, at=9)]],
        set(),
    ),
    "the mapping turns the field's meaning round": ([BOTH, opt_out_means_the_opposite, BOTH], set()),
    "and round again": (
        [BOTH, opt_out_means_the_opposite, BOTH, opt_out_means_the_opposite, BOTH],
        set(),
    ),
    "un-ticked by somebody, deleted and undeleted in one go": (
        [[contact(no=True)], no_here, contact(at=5, IsDeleted="true"), contact(at=6)],
        set(),
    ),
    "the address goes round by a third": (
        [BOTH, contact(1, "carl@x.org", at=5), contact(2, "carl@x.org", at=9), contact(1, "dora@x.org", at=10)],
        set(),
    ),
    "yes for the address that somebody had before, where another record of the new one says no": (
        [[contact(), lead(1, BOB, no=True)], contact(1, BOB, at=5), contact(1, BOB, at=6), yes_here],
        set(),
    ),
    "the same, of somebody who had said no": (
        [[contact(no=True), lead(1, BOB, no=True)], contact(1, BOB, at=5), contact(1, BOB, at=6), yes_here],
        set(),
    ),
    "the same, where the no is of here": (
        [[contact(no=True), lead(1, BOB)], bob_says_no, contact(1, BOB, at=5), contact(1, BOB, at=6), yes_here],
        set(),
    ),
}


@pytest.mark.parametrize("what", SEQUENCES)
def test_no_is_kept_whatever_order_things_come_in(told: Told, what: str) -> None:
    steps, mailed = SEQUENCES[what]
    assert told.live(*steps).mailable() == mailed
    told.cycle()
    assert told.mailable() == mailed


FORMS = [
    *("ADA@X.ORG", " ada@x.org\t", "\u200bada@x.org", "ada@x.org.", "<ada@x.org>", "mailto:ada@x.org"),
    *("Ada <ada@x.org>", "ada@x.org, bob@x.org", "ada@x..org", "ada@x.org;"),
]


@pytest.mark.parametrize("form", FORMS)
def test_no_is_kept_in_whatever_form_the_address_comes(told: Told, form: str) -> None:
    assert told.live([contact(no=True)], lead(1, form, at=5)).mailable() == set()


def test_each_channel_keeps_its_own_no_of_a_lead_and_a_contact_of_one_person(told: Told) -> None:
    with_sms(told)
    no_sms: Record = {"NoSms__c": "true"}
    may_sms: Record = {"NoSms__c": "false"}
    told.live([contact(no=True) | may_sms], [lead() | no_sms])
    for _ in range(2):
        person = told.story.customer(ADA)
        assert (person["opt_in"], person["sms_opt_in"], told.mailable()) == (False, False, set())
        told.live(converted(into=1, at=5) | no_sms, contact(at=5, no=True) | may_sms)
