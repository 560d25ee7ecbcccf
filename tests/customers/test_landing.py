"""What becomes of a customer when its records come, go and change."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, Text, cast, event, insert, select, update
from sqlalchemy.engine import Engine

from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from crm_sync.mapping.model import CustomerFieldKind, FieldLink, MappingRules, ObjectMapping, Precedence
from crm_sync.sobject import SObject
from tests.rigs.story import START, Story

ADA, BOB = "ada@x.org", "bob@x.org"


def test_lead_becomes_a_prospect(story: Story) -> None:
    counts = story.land(story.lead(1, " Ada@X.org ", Company="Acme", Score__c="1.50"))
    made = story.customer(ADA)
    assert counts.inserted == 1
    assert (made["status"], made["email_address"], made["company_name"]) == ("Prospect", "Ada@X.org", "Acme")
    assert made["opt_in"] is True
    assert made["options"] == {"score": 1.5, "lead id": "00Q000000000000001"}


def test_contact_takes_over_the_customer_of_a_lead(story: Story) -> None:
    story.land(story.lead(1, ADA, Company="Acme"))
    before = story.customer(ADA)
    counts = story.land(story.contact(1, ADA.upper(), LastName="King"))
    after = story.customer(ADA)
    assert counts.updated == 1
    assert (after["id"], after["status"], after["lastname"]) == (before["id"], "Customer", "King")
    assert (after["company_name"], after["options"]["lead id"]) == ("Acme", "00Q000000000000001")


def test_lead_of_a_contacts_customer_is_superseded(story: Story) -> None:
    story.land(story.contact(1, ADA, LastName="King"))
    counts = story.land(story.lead(1, ADA, Company="Acme"))
    after = story.customer(ADA)
    assert counts.superseded == 1
    assert (after["status"], after["lastname"], after["company_name"]) == ("Customer", "King", "Acme")


def test_converted_lead_keeps_its_customer_and_its_id_option(story: Story) -> None:
    story.land(story.lead(1, ADA))
    before = story.customer(ADA)
    story.land(story.contact(1, ADA))
    story.land(story.lead(1, ADA, at=1, IsConverted="true", ConvertedContactId="003000000000000001"))
    after = story.customer(ADA)
    assert (after["id"], after["salesforce_id"]) == (before["id"], "003000000000000001")
    assert after["options"]["lead id"] == "00Q000000000000001"
    assert story.mirror()["00Q000000000000001"]["converted_contact_id"] == "003000000000000001"


def test_next_record_survives_when_the_survivor_is_deleted(story: Story) -> None:
    story.land(story.lead(1, ADA, LastName="Lead", Company="Acme"))
    story.land(story.contact(1, ADA, Birthdate="1990-01-02", VIP__c="true"))
    counts = story.land(story.contact(1, ADA, at=1, IsDeleted="true"))
    after = story.customer(ADA)
    assert counts.deleted == 1
    assert (after["status"], after["lastname"], after["deleted_in_salesforce_at"]) == ("Prospect", "Lead", None)
    assert after["birthday"] is None
    assert "vip" not in after["options"]


def test_values_of_a_deleted_secondary_lead_are_cleared(story: Story) -> None:
    story.land(story.contact(1, ADA))
    story.land(story.lead(1, ADA, Company="Acme"))
    story.land(story.lead(1, ADA, at=1, IsDeleted="true"))
    after = story.customer(ADA)
    assert (after["company_name"], after["secondary_salesforce_id"]) == (None, None)
    assert "lead id" not in after["options"]


def test_field_of_leads_only_keeps_a_value_that_no_lead_gave(story: Story, database: CustomerDatabase) -> None:
    story.land(story.contact(1, ADA))
    with database.transaction() as connection:
        connection.execute(update(customer).values(company_name="By hand"))
    story.land(story.contact(1, ADA, at=1, LastName="King"))
    assert (story.customer(ADA)["lastname"], story.customer(ADA)["company_name"]) == ("King", "By hand")


def test_customer_without_records_is_marked_and_stays(story: Story) -> None:
    story.land(story.lead(1, ADA, LastName="Lovelace"))
    story.land(story.lead(1, ADA, at=1, IsDeleted="true"))
    after = story.customer(ADA)
    assert after["deleted_in_salesforce_at"] == story.now
    assert after["lastname"] == "Lovelace"


def test_undeleted_record_takes_the_mark_away(story: Story) -> None:
    story.land(story.lead(1, ADA))
    before = story.customer(ADA)
    story.land(story.lead(1, ADA, at=1, IsDeleted="true"))
    story.land(story.lead(1, ADA, at=2))
    after = story.customer(ADA)
    assert (after["id"], after["deleted_in_salesforce_at"]) == (before["id"], None)


def test_deletion_of_a_record_never_seen_makes_no_customer(story: Story) -> None:
    counts = story.land(story.lead(1, ADA, IsDeleted="true"))
    assert counts.deleted == 1
    assert story.customers() == {}
    assert story.mirror()["00Q000000000000001"]["is_deleted"]


def test_older_version_changes_nothing(story: Story) -> None:
    story.land(story.lead(1, ADA, at=2, LastName="Newer"))
    before = story.customers(), story.mirror()
    counts = story.land(story.lead(1, BOB, at=1, LastName="Older"))
    assert counts.superseded == 1
    assert (story.customers(), story.mirror()) == before


def test_value_that_changes_without_its_stamp_is_stored(story: Story) -> None:
    story.land(story.lead(1, ADA, Score__c="1"))
    counts = story.land(story.lead(1, ADA, Score__c="2"))  # a formula field changes so
    assert counts.updated == 1
    assert story.customer(ADA)["options"]["score"] == 2


@pytest.mark.parametrize("newest_first", [True, False])
def test_newest_of_two_versions_in_a_batch_counts(story: Story, newest_first: bool) -> None:
    versions = [story.lead(1, ADA, at=2, LastName="Newer"), story.lead(1, ADA, at=1, LastName="Older")]
    counts = story.land(*(versions if newest_first else reversed(versions)))
    assert (counts.read, counts.inserted, counts.superseded) == (2, 1, 1)
    assert story.customer(ADA)["lastname"] == "Newer"


def test_unlinked_fields_and_options_are_never_touched(story: Story, database: CustomerDatabase) -> None:
    story.land(story.lead(1, ADA, Score__c="1"))
    own = {"city": "Utrecht", "mail_status": "ACTIVE", "options": {"score": 1, "shoe size": {"eu": 38}}}
    with database.transaction() as connection:
        connection.execute(update(customer).values(**own))
    story.land(story.lead(1, ADA, at=1, Score__c="2", LastName="King"))
    after = story.customer(ADA)
    assert (after["city"], after["mail_status"], after["lastname"]) == ("Utrecht", "ACTIVE", "King")
    assert (after["options"]["score"], after["options"]["shoe size"]) == (2, {"eu": 38})


def test_customer_made_by_hand_is_taken_over(story: Story, database: CustomerDatabase) -> None:
    row = {"unique_key": ADA, "company_name": "By hand", "options": {"own": 1}, "lastname": "Old"}
    with database.transaction() as connection:
        connection.execute(insert(customer).values(**row, created_at=START, modified_at=START))
    counts = story.land(story.contact(1, ADA, LastName="New"))
    after = story.customer(ADA)
    assert counts.updated == 1
    assert (after["lastname"], after["company_name"], after["options"]["own"]) == ("New", "By hand", 1)
    assert after["created_at"] == START


def test_empty_value_in_salesforce_empties_the_field(story: Story) -> None:
    story.land(story.lead(1, ADA, Company="Acme", Score__c="1"))
    story.land(story.lead(1, ADA, at=1))
    after = story.customer(ADA)
    assert (after["company_name"], after["options"]["score"]) == (None, None)


def test_modified_at_moves_only_when_a_value_changes(story: Story) -> None:
    story.land(story.lead(1, ADA))
    made = story.customer(ADA)
    story.land(story.lead(1, ADA, at=1))
    assert story.customer(ADA)["modified_at"] == made["modified_at"]
    story.land(story.lead(1, ADA, at=2, LastName="King"))
    after = story.customer(ADA)
    assert (after["modified_at"], after["created_at"]) == (story.now, made["created_at"])


def test_repeated_batches_write_nothing(story: Story) -> None:
    leads = [
        story.lead(1, ADA, LastName='O"Neill\n\\\u0001', Score__c="12345678901234567890.10", Company="Łódź 🙂"),
        story.lead(2, BOB, at=1),
        story.lead(3, None),
        story.lead(4, "cy@x.org", IsDeleted="true"),
        story.lead(5, BOB),
    ]
    contacts = [story.contact(1, BOB, VIP__c="true", Birthdate="1700-01-01")]
    story.land(*leads)
    story.land(*contacts)
    story.land(*leads)
    before = story.customers(), story.mirror()
    first, second = story.land(*leads), story.land(*contacts)
    assert (story.customers(), story.mirror()) == before
    assert (first.written, first.unchanged, first.superseded) == (0, 1, 2)
    assert (second.written, second.unchanged) == (0, 1)


def test_repeated_batch_changes_no_row(story: Story, database: CustomerDatabase) -> None:
    batch = [
        story.lead(1, ADA, Score__c="1.10"),
        story.lead(2, ADA, IsDeleted="true"),
        story.lead(3, ADA, LastName="Other"),
    ]
    story.land(*batch)
    changed: list[tuple[str, int]] = []

    def watch(_connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")) and "INTO staged_" not in statement[:24]:
            changed.append((statement[:40], cursor.rowcount))

    event.listen(Engine, "after_cursor_execute", watch)
    try:
        story.land(*batch)
    finally:
        event.remove(Engine, "after_cursor_execute", watch)
    assert changed
    assert [row for row in changed if row[1] > 0] == []


def test_salesforce_id_can_be_the_unique_field(database: CustomerDatabase, new_story: type[Story]) -> None:
    by_id = FieldLink(salesforce_field="Id", name="external_id", unique=True)
    email = FieldLink(salesforce_field="Email", name="email_address")
    mapping = ObjectMapping(links=[by_id, email], status="Prospect")
    story = new_story(database.transaction, MappingRules(lead=mapping, contact=mapping))
    counts = story.land(story.lead(1, ADA), story.lead(2, ADA), story.lead(3, None))
    assert counts.inserted == 3
    assert story.land(story.lead(1, BOB, at=1)).updated == 1
    assert story.customer("00Q000000000000001")["email_address"] == BOB


def test_newest_record_survives_when_the_latest_change_goes_first(
    database: CustomerDatabase, new_story: type[Story], by_email: Callable[..., MappingRules]
) -> None:
    story = new_story(database.transaction, by_email(Precedence.LATEST))
    story.land(story.contact(1, ADA, at=1, LastName="Contact", Birthdate="1990-01-02"))
    story.land(story.lead(1, ADA, at=2, LastName="Lead"))
    after = story.customer(ADA)
    assert (after["lastname"], after["status"]) == ("Lead", "Prospect")
    assert str(after["birthday"]) == "1990-01-02"


def test_field_mapped_later_is_empty_for_records_read_before(database: CustomerDatabase, story: Story) -> None:
    story.land(story.contact(1, ADA, LastName="King"))
    link = FieldLink(salesforce_field="City", name="city")
    contact = story.rules.contact.model_copy(update={"links": [*story.rules.contact.links, link]})
    story.rules = story.rules.model_copy(update={"contact": contact})
    story.land(story.lead(1, ADA))
    assert (story.customer(ADA)["lastname"], story.customer(ADA)["city"]) == ("King", None)


def test_records_of_an_object_that_is_no_longer_mapped_do_not_survive(story: Story) -> None:
    story.land(story.contact(1, ADA, LastName="Contact"))
    story.rules = MappingRules(lead=story.rules.lead, contact=ObjectMapping())
    counts = story.land(story.lead(1, ADA, LastName="Lead"))
    assert counts.updated == 1
    assert story.customer(ADA)["lastname"] == "Lead"


def test_empty_batch_changes_nothing(story: Story) -> None:
    story.land(story.lead(1, ADA))
    before = story.customers()
    story.land_none(SObject.LEAD)
    assert story.customers() == before


def test_option_names_with_blanks_and_dots_are_kept_apart(database: CustomerDatabase, new_story: type[Story]) -> None:
    names = ["a.b", "a b", "a", "Ünïcode", "a-b"]
    links = [FieldLink(salesforce_field="Email", name="email_address", unique=True)]
    links += [FieldLink(salesforce_field="LastName", kind=CustomerFieldKind.OPTION, name=name) for name in names]
    story = new_story(database.transaction, MappingRules(lead=ObjectMapping(links=links), contact=ObjectMapping()))
    story.land(story.lead(1, ADA, LastName="One"))
    story.land(story.lead(1, ADA, at=1, LastName="Two"))
    assert story.customer(ADA)["options"] == dict.fromkeys(names, "Two")


def test_number_keeps_every_digit_in_the_database(story: Story, database: CustomerDatabase) -> None:
    story.land(story.lead(1, ADA, Score__c="12345678901234567890.10"))
    with database.transaction() as connection:
        text = connection.execute(select(cast(customer.c.options, Text))).scalar_one()
    assert "12345678901234567890.10" in text
