"""Candidates: other records with the unique keys of a batch."""

from datetime import date

import pytest
from sqlalchemy import update

from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from crm_sync.mapping.model import FieldLink, MappingRules, ObjectMapping
from tests.rigs.story import Record, Story

ADA = "ada@x.org"


@pytest.mark.parametrize("late", [Story.contact(1, ADA, at=-1), Story.lead(1, ADA, Company="Acme")])
def test_superseded_record_leaves_alone_what_was_changed_here(
    story: Story, database: CustomerDatabase, late: Record
) -> None:
    story.land(story.contact(2, ADA, LastName="King", Birthdate="1990-01-02"))
    with database.transaction() as connection:
        connection.execute(update(customer).values(lastname="By hand"))

    assert story.land(late).superseded == 1

    after = story.customer(ADA)
    assert (after["lastname"], after["birthday"]) == ("By hand", date(1990, 1, 2))
    assert after["salesforce_id"] == "003000000000000002"


def test_survivor_is_applied_again_when_the_secondary_record_gets_another_key(story: Story) -> None:
    story.land(story.contact(1, ADA, LastName="King"))
    story.land(story.lead(1, ADA, Company="Acme"))

    story.land(story.lead(1, "bob@x.org", at=1, Company="Acme"))

    after = story.customer(ADA)
    assert (after["lastname"], after["company_name"], after["secondary_salesforce_id"]) == ("King", None, None)
    assert "lead id" not in after["options"]
    assert story.customer("bob@x.org")["company_name"] == "Acme"


def test_candidate_that_cannot_be_used_does_not_survive(story: Story) -> None:
    story.land(story.contact(2, ADA, at=1, Birthdate="no day"))

    story.land(story.contact(1, ADA, LastName="King"))

    assert story.customer(ADA)["lastname"] == "King"
    assert list(story.rejects()) == ["003000000000000002"]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_records_of_one_customer_part_when_another_field_becomes_unique(story: Story, order: tuple[int, int]) -> None:
    names = {1: "King", 2: "Lovelace"}
    for number, name in names.items():
        story.land(story.contact(number, ADA, LastName=name))
    links = [FieldLink(salesforce_field="LastName", name="lastname", unique=True)]
    story.rules = MappingRules(contact=ObjectMapping(links=links), lead=ObjectMapping())

    for number in order:
        story.land(story.contact(number, ADA, LastName=names[number]))

    sources = {key: (row["salesforce_id"], row["merged_into_customer_id"]) for key, row in story.customers().items()}
    assert sources == {"King": ("003000000000000001", None), "Lovelace": ("003000000000000002", None)}
    assert all(row["deleted_in_salesforce_at"] is None for row in story.customers().values())
