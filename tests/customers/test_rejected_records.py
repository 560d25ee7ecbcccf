"""Records that cannot be used are kept aside with their reason, and come back when they can."""

from tests.rigs.story import Story

ADA, BOB = "ada@x.org", "bob@x.org"


def test_record_without_address_is_rejected_until_a_good_version_comes(story: Story) -> None:
    counts = story.land(story.lead(1, "  "))
    assert counts.rejected == 1
    reject = story.rejects()["00Q000000000000001"]
    assert (reject["reason"], reject["sync_run_id"]) == ("Email is empty, and it is the unique field", story.run)
    story.land(story.lead(1, ADA, at=1))
    assert story.rejects() == {}
    assert set(story.customers()) == {ADA}


def test_bad_value_keeps_the_customer_as_it_is(story: Story) -> None:
    story.land(story.lead(1, ADA, LastName="Before", Score__c="1"))
    before = story.customer(ADA)
    counts = story.land(story.lead(1, ADA, at=1, LastName="After", Score__c="many"))
    assert counts.rejected == 1
    assert story.rejects()["00Q000000000000001"]["reason"] == "Score__c does not convert to a number for score"
    assert story.customer(ADA) == before


def test_rejected_record_is_linked_when_another_makes_the_customer(story: Story) -> None:
    story.land(story.lead(1, ADA, Score__c="many"))
    story.land(story.contact(1, ADA))
    assert story.mirror()["00Q000000000000001"]["customer_id"] == story.customer(ADA)["id"]


def test_older_bad_version_rejects_nothing(story: Story) -> None:
    story.land(story.lead(1, ADA, at=2))
    counts = story.land(story.lead(1, None, at=1))
    assert (counts.superseded, counts.rejected) == (1, 0)
    assert story.rejects() == {}


def test_rejected_record_names_the_last_run_that_met_it(story: Story) -> None:
    story.land(story.lead(1, None))
    later = story.new_run()
    story.land(story.lead(1, None))
    reject = story.rejects()["00Q000000000000001"]
    assert (reject["sync_run_id"], reject["rejected_at"]) == (later, story.now)
