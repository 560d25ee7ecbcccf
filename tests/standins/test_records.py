"""Records: stamps, the recycle bin, conversion, merges, and what is refused."""

from typing import Any

import pytest

from standins.salesforce.errors import RecordError
from standins.salesforce.ids import full_id, make_id
from standins.salesforce.org.org import Org
from standins.salesforce.people.seed import seed
from tests.standins.conftest import Clock


def rows(org: Org, soql: str) -> list[dict[str, Any]]:
    snapshot = org.query(soql, include_deleted=True)
    found = list(snapshot.records(0, 50_000))
    snapshot.close()
    return found


def test_a_change_moves_the_stamp_to_the_orgs_clock(org: Org, clock: Clock) -> None:
    record_id = org.records.insert("Lead", {"LastName": "Bakker", "Company": "Bloem"})
    clock.move(minutes=5)
    org.records.update("Lead", record_id, {"Email": "b@example.com"})
    stored = org.records.get("Lead", record_id)
    assert stored["CreatedDate"] == "2026-03-04T05:06:07.000Z"
    assert stored["SystemModstamp"] == stored["LastModifiedDate"] == "2026-03-04T05:11:07.000Z"


def test_deleted_is_in_the_bin_until_undeleted(org: Org) -> None:
    record_id = org.records.insert("Contact", {"LastName": "Visser"})
    org.records.delete("Contact", record_id)
    assert org.records.count("Contact") == 0
    with pytest.raises(RecordError, match="entity is deleted") as caught:
        org.records.update("Contact", record_id, {"LastName": "Smit"})
    assert caught.value.code == "ENTITY_IS_DELETED"
    org.records.undelete("Contact", record_id)
    assert org.records.count("Contact") == 1


def test_conversion_makes_a_contact_and_keeps_the_lead(org: Org) -> None:
    values = {"LastName": "Smit", "Company": "Fiets", "Email": "s@example.com", "City": "Gent", "Email_Opt_In__c": True}
    lead_id = org.records.insert("Lead", values)
    contact_id = org.records.convert(lead_id)
    contact, lead = org.records.get("Contact", contact_id), org.records.get("Lead", lead_id)
    assert (contact["Email"], contact["MailingCity"], contact["Email_Opt_In__c"]) == ("s@example.com", "Gent", 1)
    assert (lead["IsConverted"], lead["ConvertedContactId"]) == (1, contact_id)
    assert (lead["ConvertedDate"], lead["ConvertedAccountId"]) == ("2026-03-04", contact["AccountId"])
    with pytest.raises(RecordError) as caught:
        org.records.update("Lead", lead_id, {"LastName": "Jansen"})
    assert caught.value.code == "CANNOT_UPDATE_CONVERTED_LEAD"


def test_conversion_into_a_contact_fills_only_what_is_empty(org: Org) -> None:
    contact_id = org.records.insert("Contact", {"LastName": "Old", "Title": "Boss"})
    values = {"LastName": "New", "Company": "C", "Title": "Clerk", "Phone": "1"}
    org.records.convert(org.records.insert("Lead", values), contact_id)
    stored = org.records.get("Contact", contact_id)
    assert (stored["LastName"], stored["Title"], stored["Phone"]) == ("Old", "Boss", "1")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"LastName": "x", "Nope__c": 1}, "INVALID_FIELD"),
        ({"LastName": "x", "HasOptedOutOfEmail": "Y"}, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ({"LastName": "x", "Birthdate": "31-12-1990"}, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ({"LastName": "x", "AccountId": "1"}, "MALFORMED_ID"),
    ],
)
def test_bad_value_is_refused(org: Org, values: dict[str, Any], code: str) -> None:
    with pytest.raises(RecordError) as caught:
        org.records.insert("Contact", values)
    assert caught.value.code == code
    assert org.records.count("Contact") == 0


def test_seed_invents_the_same_difficult_people_each_time(org: Org, clock: Clock) -> None:
    seed(org, 3000, 7)
    soql = "SELECT Id, LastName, Email, IsDeleted, MasterRecordId, Description, SystemModstamp FROM Contact"
    people = rows(org, soql)
    with Org(clock=clock) as other:
        seed(other, 3000, 7)
        assert rows(other, soql) == people
    emails = [row["Email"].strip().lower() for row in people if row["Email"]]
    assert len(people) == 1800
    assert len(set(emails)) < len(emails) < len(people)
    assert {"None", "NA", "null"} <= {row["LastName"] for row in people}
    assert any(row["MasterRecordId"] for row in people)
    assert any(row["IsDeleted"] and not row["MasterRecordId"] for row in people)
    assert any(row["Email"] != row["Email"].strip() for row in people if row["Email"])
    assert any("\n" in row["Description"] for row in people if row["Description"])


def test_seeded_converted_leads_have_the_address_of_their_contact(org: Org) -> None:
    seed(org, 3000)
    leads = rows(org, "SELECT Email, ConvertedContactId FROM Lead WHERE IsConverted = true")
    assert leads
    for lead in leads:
        contact_id = lead["ConvertedContactId"]
        number = rows(org, f"SELECT Id FROM Contact WHERE Id <= '{contact_id}'")  # noqa: S608 - SOQL
        assert lead["Email"].startswith(f"contact.{len(number)}@")


def test_seeded_copies_have_ids_and_accounts_of_their_own(org: Org) -> None:
    seed(org, 45_000)
    accounts = {row["Id"] for row in rows(org, "SELECT Id FROM Account")}
    contacts = {row["Id"]: row["AccountId"] for row in rows(org, "SELECT Id, AccountId FROM Contact")}
    assert len(contacts) == 27_000
    assert {make_id("003", 62**5 + 12_000), make_id("003", 2 * 62**5 + 1)} <= contacts.keys()
    assert all(full_id(one) for one in list(contacts)[::1000])
    assert len(accounts) == org.records.count("Account") == 2 * 2401 + 601
    assert {account for account in contacts.values() if account} <= accounts
    assert sum(account is None for account in contacts.values()) == len(contacts) // 10
    leads = rows(org, "SELECT ConvertedContactId, ConvertedAccountId FROM Lead WHERE IsConverted = true")
    assert leads
    assert all(contacts[lead["ConvertedContactId"]] == lead["ConvertedAccountId"] in accounts for lead in leads)


def test_conversion_into_a_contact_keeps_its_account(org: Org) -> None:
    account_id = org.records.insert("Account", {"Name": "Bloem"})
    contact_id = org.records.insert("Contact", {"LastName": "Old", "AccountId": account_id})
    lead_id = org.records.insert("Lead", {"LastName": "New", "Company": "C"})
    org.records.convert(lead_id, contact_id)
    assert org.records.get("Lead", lead_id)["ConvertedAccountId"] == account_id
    assert org.records.count("Account") == 1
