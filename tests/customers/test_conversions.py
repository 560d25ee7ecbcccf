"""A converted lead and its contact are one customer, also when their addresses differ."""

from itertools import permutations

import pytest

from crm_sync.sobject import SObject
from tests.rigs.story import Record, Row, Story

OLD, NEW, OTHER = "ada@old.org", "ada@new.org", "ada@other.org"
CONTACT, MASTER = 7, 8


def converted(email: str | None = OLD, *, at: int = 5) -> Record:
    """Return the lead after it was converted into the contact."""
    into = Story.contact(CONTACT, None)["Id"]
    return Story.lead(1, email, at=at, IsConverted="true") | {"ConvertedContactId": into}


def merged(email: str, *, at: int) -> Record:
    """Return the contact after it was merged into the master."""
    gone = Story.contact(CONTACT, email, at=at, IsDeleted="true")
    return gone | {"MasterRecordId": Story.contact(MASTER, None)["Id"]}


def mailable(story: Story) -> dict[str, Row]:
    """Return the customers that get mail, by unique key."""
    return {
        key: row
        for key, row in story.customers().items()
        if row["mail_status"] != "INACTIVE" and row["deleted_in_salesforce_at"] is None
    }


def merged_into(story: Story) -> dict[str, str]:
    """Return for each merged customer the key of the one it was merged into."""
    keys = {row["id"]: key for key, row in story.customers().items()}
    return {
        key: keys[row["merged_into_customer_id"]]
        for key, row in story.customers().items()
        if row["merged_into_customer_id"] is not None
    }


@pytest.fixture
def known(story: Story) -> Story:
    """Give a lead that was converted; its contact has the same address."""
    story.land(Story.lead(1, OLD))
    story.land(converted())
    story.land(Story.contact(CONTACT, OLD, at=5))
    return story


def test_customer_goes_with_the_contact_whose_address_changes(known: Story) -> None:
    before = known.customer(OLD)["id"]

    known.land(Story.contact(CONTACT, NEW, at=9, HasOptedOutOfEmail="true"))

    person = known.customer(NEW)
    assert (person["id"], person["status"], person["opt_in"]) == (before, "Customer", False)
    assert mailable(known).keys() == {NEW}
    assert merged_into(known) == {OLD: NEW}
    assert known.customer(OLD)["salesforce_id"] == Story.lead(1, None)["Id"]


def test_customer_goes_with_a_contact_that_never_had_the_lead_s_address(story: Story) -> None:
    story.land(Story.lead(1, OLD))
    before = story.customer(OLD)["id"]
    story.land(converted())

    story.land(Story.contact(CONTACT, NEW, at=6))

    assert story.customer(NEW)["id"] == before
    assert mailable(story).keys() == {NEW}
    assert merged_into(story) == {OLD: NEW}


def test_lead_converted_into_a_contact_with_another_address_is_merged_into_it(story: Story) -> None:
    story.land(Story.lead(1, OLD))
    story.land(Story.contact(CONTACT, NEW))

    story.land(converted())

    assert merged_into(story) == {OLD: NEW}
    assert mailable(story).keys() == {NEW}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_order_of_arrival_does_not_matter(story: Story, order: tuple[int, ...]) -> None:
    events = [[converted()], [Story.contact(CONTACT, NEW, at=6)], [Story.lead(1, OLD)]]
    for event in order:
        story.land(*events[event])

    assert merged_into(story) == {OLD: NEW}
    assert mailable(story).keys() == {NEW}
    assert story.customer(OLD)["status"] == "Prospect"
    assert story.customer(NEW)["status"] == "Customer"


@pytest.mark.parametrize("address", [OLD, NEW])
def test_converted_lead_is_merged_into_the_master_of_its_contact(known: Story, address: str) -> None:
    if address == NEW:
        known.land(Story.contact(CONTACT, NEW, at=9))
    known.land(Story.contact(MASTER, OTHER))

    known.land(merged(address, at=10), Story.contact(MASTER, OTHER, at=10))

    assert mailable(known).keys() == {OTHER}
    assert merged_into(known)[OLD] == OTHER


def test_converted_lead_is_merged_into_a_master_that_comes_later(known: Story) -> None:
    known.land(merged(OLD, at=10))
    assert mailable(known)[OLD]["status"] == "Prospect"

    known.land(Story.contact(MASTER, OTHER, at=10))

    assert mailable(known).keys() == {OTHER}
    assert merged_into(known) == {OLD: OTHER}


def test_lead_is_a_customer_of_its_own_when_the_contact_is_deleted(known: Story) -> None:
    known.land(Story.contact(CONTACT, NEW, at=9))

    known.land(Story.contact(CONTACT, NEW, at=10, IsDeleted="true"))
    assert mailable(known).keys() == {OLD}
    assert merged_into(known) == {}

    known.land(Story.contact(CONTACT, NEW, at=11))
    assert mailable(known).keys() == {NEW}
    assert merged_into(known) == {OLD: NEW}


def test_contact_that_gets_its_old_address_back_is_the_source_of_the_lead_s_customer(known: Story) -> None:
    known.land(Story.contact(CONTACT, NEW, at=9))

    known.land(Story.contact(CONTACT, OLD, at=10))

    assert known.customer(OLD)["status"] == "Customer"
    assert mailable(known).keys() == {OLD}
    assert merged_into(known) == {NEW: OLD}


def test_another_record_with_the_lead_s_address_is_a_customer_of_its_own(known: Story) -> None:
    known.land(Story.contact(CONTACT, NEW, at=9))

    known.land(Story.contact(9, OLD, at=10))

    assert mailable(known).keys() == {OLD, NEW}
    assert merged_into(known) == {}
    known.land(Story.contact(9, OLD, at=11, IsDeleted="true"))
    assert merged_into(known) == {OLD: NEW}


def test_repeats_write_nothing(known: Story) -> None:
    known.land(Story.contact(CONTACT, NEW, at=9))
    before = known.customers()

    for records in ([Story.contact(CONTACT, NEW, at=9)], [converted()], [Story.lead(1, OLD)]):
        counts = known.land(*records)
        assert counts.inserted + counts.updated == 0

    assert known.customers() == before


def test_lead_is_a_customer_of_its_own_when_contacts_are_mapped_no_longer(known: Story) -> None:
    known.land(Story.contact(CONTACT, NEW, at=9))
    known.rules = known.rules.without([SObject.CONTACT])

    known.land(converted())

    assert mailable(known)[OLD]["status"] == "Prospect"
    assert OLD not in merged_into(known)


def test_converted_lead_that_is_undeleted_is_mailed_again(story: Story) -> None:
    for at, deleted in enumerate(("false", "true", "false")):
        story.land(story.lead(1, "ada@x.org", at=at, IsConverted="true", IsDeleted=deleted))
        assert story.customer("ada@x.org")["mail_status"] == ("INACTIVE" if deleted == "true" else None)
