"""What becomes of a customer when its records get another address, share one, or lose it."""

from sqlalchemy import update

from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from tests.rigs.story import Story

ADA, BOB = "ada@x.org", "bob@x.org"


def test_customer_is_renamed_when_its_record_gets_a_free_address(story: Story) -> None:
    story.land(story.lead(1, ADA))
    before = story.customer(ADA)
    counts = story.land(story.lead(1, BOB, at=1))
    assert counts.updated == 1
    assert set(story.customers()) == {BOB}
    assert story.customer(BOB)["id"] == before["id"]


def test_customer_is_joined_when_its_record_gets_the_address_of_another(story: Story) -> None:
    story.land(story.lead(1, ADA), story.lead(2, BOB))
    story.land(story.lead(1, BOB, at=1))
    left, kept = story.customer(ADA), story.customer(BOB)
    assert (left["merged_into_customer_id"], left["mail_status"]) == (kept["id"], "INACTIVE")
    assert (kept["merged_into_customer_id"], kept["mail_status"]) == (None, None)
    assert kept["salesforce_id"] == "00Q000000000000001"
    assert {row["customer_id"] for row in story.mirror().values()} == {kept["id"]}


def test_joined_customer_lives_again_when_a_record_gets_its_address(story: Story) -> None:
    story.land(story.lead(1, ADA), story.lead(2, BOB))
    story.land(story.lead(1, BOB, at=1))
    story.land(story.lead(2, ADA, at=2))
    after = story.customer(ADA)
    assert (after["merged_into_customer_id"], after["mail_status"]) == (None, None)
    assert after["salesforce_id"] == "00Q000000000000002"


def test_two_records_may_swap_their_addresses(story: Story) -> None:
    story.land(story.lead(1, ADA, LastName="One"), story.lead(2, BOB, LastName="Two"))
    story.land(story.lead(1, BOB, at=1, LastName="One"), story.lead(2, ADA, at=1, LastName="Two"))
    assert {key: row["lastname"] for key, row in story.customers().items()} == {ADA: "Two", BOB: "One"}
    assert all(row["merged_into_customer_id"] is None for row in story.customers().values())


def test_two_records_that_move_to_one_address_become_one_customer(story: Story) -> None:
    story.land(story.lead(1, ADA), story.lead(2, BOB))
    story.land(story.lead(1, "new@x.org", at=1), story.lead(2, "new@x.org", at=1))
    living = [key for key, row in story.customers().items() if row["merged_into_customer_id"] is None]
    assert living == ["new@x.org"]
    assert story.customer("new@x.org")["salesforce_id"] == "00Q000000000000002"
    assert len(story.customers()) == 2


def test_customer_stays_when_one_of_its_two_records_leaves(story: Story) -> None:
    story.land(story.lead(1, ADA), story.lead(2, ADA, LastName="Stays"))
    story.land(story.lead(1, BOB, at=1))
    assert set(story.customers()) == {ADA, BOB}
    assert story.customer(ADA)["lastname"] == "Stays"


def test_record_that_loses_its_address_is_rejected_and_its_customer_marked(story: Story) -> None:
    story.land(story.lead(1, ADA))
    counts = story.land(story.lead(1, None, at=1))
    assert counts.rejected == 1
    assert story.customer(ADA)["deleted_in_salesforce_at"] == story.now


def test_record_that_moves_and_is_deleted_at_once_takes_its_customer_along(story: Story) -> None:
    story.land(story.lead(1, ADA))
    before = story.customer(ADA)["id"]

    story.land(story.lead(1, BOB, at=1, IsDeleted="true"))
    assert set(story.customers()) == {BOB}
    assert story.customer(BOB)["deleted_in_salesforce_at"] is not None

    story.land(story.lead(1, BOB, at=2))
    after = story.customer(BOB)
    assert (after["id"], after["deleted_in_salesforce_at"]) == (before, None)


def test_a_source_that_left_for_another_address_says_nothing_of_what_the_customer_had(
    story: Story, database: CustomerDatabase
) -> None:
    story.land(story.contact(1, ADA, LastName="Ada"), story.contact(2, BOB, LastName="Bob"))
    story.land(story.contact(1, BOB, at=1, LastName="New"))
    with database.transaction() as connection:
        connection.execute(update(customer).where(customer.c.unique_key == BOB).values(lastname="Here"))
    story.land(story.contact(1, BOB, at=2, LastName="New", Score__c="1"), story.contact(3, ADA, at=2, LastName="New"))
    assert (story.customer(ADA)["lastname"], story.customer(BOB)["lastname"]) == ("New", "Here")
