"""What a run changed in customers can be taken back, a no excepted."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text, update

from crm_sync.consent.record_store import record_consent
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from crm_sync.erasure.person_store import erase, find_person
from crm_sync.errors import ConfigurationError
from crm_sync.history.undo_store import UndoPlan, drop_old_values, kept_runs, plan_undo, undo
from crm_sync.moments.record_store import record_moments
from tests.rigs.story import HASHES, START, Story

ADA, BOB = "ada@x.org", "bob@x.org"


@pytest.fixture
def story(keyed: CustomerDatabase) -> Story:
    """Land two people, and in the next run change one and delete the other."""
    story = Story(keyed.transaction)
    story.land(story.contact(1, ADA, Score__c="5", Birthdate="1990-01-02"), story.contact(2, BOB))
    run_at(story, START + timedelta(hours=1))
    story.land(
        story.contact(1, ADA, at=5, LastName="Other", Score__c="6", Birthdate="1991-01-02"),
        story.contact(2, BOB, at=5, IsDeleted="true"),
        story.contact(3, "new@x.org", at=5),
    )
    return story


def run_at(story: Story, at: datetime) -> None:
    """Begin a run; the next landing is at its start, as that of a run's batches is."""
    story.now = at
    story.new_run()
    story.now -= timedelta(minutes=1)


def take_back(database: CustomerDatabase, story: Story, **only: list[str] | list[int]) -> UndoPlan:
    with database.transaction() as connection:
        plan = plan_undo(connection, story.run, **only)  # type: ignore[arg-type]  # ids or names, by their keyword
        undo(connection, plan, run=story.run, now=START + timedelta(hours=2))
    return plan


def test_customers_have_their_values_of_before_again(keyed: CustomerDatabase, story: Story) -> None:
    take_back(keyed, story)

    ada, bob = story.customer(ADA), story.customer(BOB)
    assert (ada["lastname"], ada["options"]["score"], str(ada["birthday"])) == ("Lovelace", 5, "1990-01-02")
    assert (bob["deleted_in_salesforce_at"], bob["mail_status"], bob["mail_status_before"]) == (None, None, None)
    assert "new@x.org" in story.customers()


def test_only_the_customers_and_fields_that_were_asked_for(keyed: CustomerDatabase, story: Story) -> None:
    plan = take_back(keyed, story, fields=["lastname", "option score"], customer_ids=[story.customer(ADA)["id"]])

    assert set(plan.changes["field"]) == {"lastname", "option score"}
    assert str(story.customer(ADA)["birthday"]) == "1991-01-02"
    assert story.customer(BOB)["mail_status"] == "INACTIVE"


def test_what_changed_again_since_stays(keyed: CustomerDatabase, story: Story) -> None:
    taken_back = story.run
    run_at(story, START + timedelta(hours=1, minutes=30))
    story.land(story.contact(1, ADA, at=9, LastName="Third", Score__c="6", Birthdate="1991-01-02"))
    story.run = taken_back

    plan = take_back(keyed, story)

    assert plan.left == 1
    assert (story.customer(ADA)["lastname"], story.customer(ADA)["options"]["score"]) == ("Third", 5)


def test_taking_back_twice_changes_nothing_more(keyed: CustomerDatabase, story: Story) -> None:
    take_back(keyed, story)
    once = story.customers()

    again = take_back(keyed, story)

    assert again.changes.empty
    assert story.customers() == once


def test_a_no_is_never_taken_back(keyed: CustomerDatabase, story: Story) -> None:
    record_consent(keyed, ADA, "no", START + timedelta(hours=1))
    with keyed.transaction() as connection:
        connection.execute(update(customer).where(customer.c.unique_key == BOB).values(status="Blacklist"))
        # By hand, with no moment of its own.
        connection.execute(update(customer).where(customer.c.unique_key == ADA).values(mail_status="INACTIVE"))

    take_back(keyed, story)

    assert (story.customer(ADA)["lastname"], story.customer(ADA)["mail_status"]) == ("Lovelace", "INACTIVE")
    assert story.customer(ADA)["opt_in"] is False
    assert story.customer(BOB)["status"] == "Blacklist"


@pytest.mark.parametrize("first", ["the person, here", "Salesforce"])
def test_an_address_that_was_taken_back_is_that_of_the_noes_whatever_salesforce_edits(
    keyed: CustomerDatabase, new_story: type[Story], first: str
) -> None:
    story = new_story(keyed.transaction)
    story.land(story.contact(1, ADA))
    run_at(story, START + timedelta(hours=1))
    story.land(story.contact(1, BOB, at=5))
    take_back(keyed, story)
    run_at(story, START + timedelta(hours=3))
    says_no = {"HasOptedOutOfEmail": "true"} if first == "Salesforce" else {}
    story.land(story.contact(1, BOB, at=9, Score__c="2", **says_no))

    if not says_no:
        record_consent(keyed, ADA, "no", START + timedelta(hours=4))

    (ada,) = story.customers().values()
    assert (ada["email_address"], ada["options"]["score"], ada["opt_in"]) == (ADA, 2, False)
    with keyed.transaction() as connection:
        assert connection.scalars(text("SELECT is_mailable FROM customer_mailable")).one() in (False, 0)


def test_nobody_is_joined_again_to_a_customer_who_was_erased(keyed: CustomerDatabase, new_story: type[Story]) -> None:
    story = new_story(keyed.transaction)
    story.land(story.contact(1, ADA), story.contact(2, BOB))
    story.land(story.contact(2, ADA, at=3))
    run_at(story, START + timedelta(hours=1))
    story.land(story.contact(2, BOB, at=5))
    with keyed.transaction() as connection:
        erase(connection, HASHES, find_person(connection, HASHES, ADA), START)

    plan = take_back(keyed, story)

    (bob,) = story.customers().values()
    assert (bob["merged_into_customer_id"], bob["mail_status"], plan.left) == (None, None, 0)


def test_hard_bounces_of_many_at_once_can_be_taken_back(keyed: CustomerDatabase, story: Story) -> None:
    story.land(*(story.contact(number, f"p{number}@x.org", at=6) for number in range(10, 62)))
    ids = [row["id"] for key, row in story.customers().items() if key.startswith("p")]
    bounces = [
        {"moment_id": f"m{one}", "customer_id": one, "sent_at": START, "bounced_at": START, "bounce_category": "hard"}
        for one in ids
    ]
    at = START + timedelta(hours=2)
    record_moments(keyed, bounces, at)
    assert {story.customers()[f"p{number}@x.org"]["mail_status"] for number in range(10, 62)} == {"INACTIVE"}

    with keyed.transaction() as connection:
        kept = kept_runs(connection)[0]
        assert (kept.flow, kept.customers) == ("record_moments", 52)
        undo(connection, plan_undo(connection, kept.number), run=kept.number, now=at + timedelta(hours=1))
    # What is recorded again is no news.
    record_moments(keyed, bounces, at + timedelta(hours=2))

    assert {row["mail_status"] for key, row in story.customers().items() if key.startswith("p")} == {None}


def test_a_run_of_which_nothing_is_kept_and_an_unknown_field_are_named(keyed: CustomerDatabase, story: Story) -> None:
    with keyed.transaction() as connection:
        assert [(run.number, run.customers) for run in kept_runs(connection)] == [(story.run, 2)]
        with pytest.raises(ConfigurationError, match="run 99"):
            plan_undo(connection, 99)
        with pytest.raises(ConfigurationError, match="opt_in is no field"):
            plan_undo(connection, story.run, fields=["opt_in"])
        drop_old_values(connection, START + timedelta(days=15))
        assert kept_runs(connection) == []
