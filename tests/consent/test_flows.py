"""Nobody who said no is mailed, whoever edits what in Salesforce, and every no reaches Salesforce by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text, update

from crm_sync.consent.record_store import record_consent
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from crm_sync.errors import LimitReachedError
from standins.salesforce.http.faults import Fault
from tests.rigs.mixed_load import let_hours_pass
from tests.rigs.org import Rig

pytestmark = pytest.mark.flow


@dataclass
class Consents:
    """A synced org, people in it, and what they and the users of Salesforce say."""

    rig: Rig
    database: CustomerDatabase

    def contacts(self, number: int = 1) -> list[dict[str, Any]]:
        """Return contacts who are mailed, each with an address of its own."""
        mailed = {row["salesforce_id"] for row in self.rig.rows(customer) if row["opt_in"]}
        found = [row for row in self.rig.people("Contact") if row["Id"] in mailed and not row["IsDeleted"]]
        return found[:number]

    def customer_of(self, address: str) -> dict[str, Any]:
        """Return the customer with an address."""
        return next(row for row in self.rig.rows(customer) if row["unique_key"] == address.lower())

    def says_no_here(self, address: str) -> None:
        """Let somebody's SQL set opt_in to No, as an unsubscribe does."""
        with self.database.transaction() as connection:
            connection.execute(update(customer).where(customer.c.unique_key == address.lower()).values(opt_in=False))

    def edit(self, contact: str, **values: Any) -> None:
        """Let a user of Salesforce edit a contact, a while later."""
        self.rig.clock.move(minutes=5)
        self.rig.org.records.update("Contact", contact, values)
        self.rig.clock.move(minutes=5)

    def holds_no(self, contact: str) -> bool:
        """Return whether the contact is opted out in Salesforce."""
        return bool(next(row for row in self.rig.people("Contact") if row["Id"] == contact)["HasOptedOutOfEmail"])

    def is_mailable(self, address: str) -> bool:
        """Return what the view for marketers says."""
        with self.database.transaction() as connection:
            query = text(
                "SELECT is_mailable FROM customer_mailable JOIN customer ON customer.id = customer_id "
                "WHERE unique_key = :key"
            )
            return bool(connection.scalar(query, {"key": address.lower()}))


@pytest.fixture
def consents(both_synced: Rig) -> Iterator[Consents]:
    """Start with an org that was synced an hour ago; on PostgreSQL in the long run."""
    database = both_synced.customers.open()
    yield Consents(both_synced, database)
    database.close()


def test_no_survives_an_edit_of_another_field_and_reaches_salesforce(consents: Consents) -> None:
    contact = consents.contacts()[0]
    address = contact["Email"]
    consents.says_no_here(address)
    consents.edit(contact["Id"], Phone="+31 20 1234567")
    consents.rig.pull()
    assert consents.customer_of(address)["opt_in"] is False
    assert consents.customer_of(address)["work_phone"] == "+31 20 1234567"
    assert consents.holds_no(contact["Id"])
    assert not consents.is_mailable(address)
    consents.rig.pull()
    assert consents.customer_of(address)["opt_in"] is False


def test_no_survives_a_full_sync(consents: Consents) -> None:
    contact = consents.contacts()[0]
    consents.says_no_here(contact["Email"])
    consents.rig.sync()
    assert consents.customer_of(contact["Email"])["opt_in"] is False
    assert consents.holds_no(contact["Id"])
    consents.rig.sync(repair=True)
    assert consents.customer_of(contact["Email"])["opt_in"] is False


def test_user_who_saw_the_no_may_take_it_back(consents: Consents) -> None:
    contact = consents.contacts()[0]
    consents.says_no_here(contact["Email"])
    consents.rig.pull()
    consents.rig.clock.move(minutes=30)
    consents.rig.pull()
    consents.edit(contact["Id"], HasOptedOutOfEmail=False)
    consents.rig.pull()
    assert consents.customer_of(contact["Email"])["opt_in"] is True
    assert not consents.holds_no(contact["Id"])


def test_user_who_did_not_know_of_the_no_takes_nothing_back(consents: Consents) -> None:
    contact = consents.contacts()[0]
    consents.edit(contact["Id"], HasOptedOutOfEmail=True)
    consents.rig.pull()
    record_consent(consents.database, contact["Email"], "no", datetime.now(UTC))
    consents.edit(contact["Id"], HasOptedOutOfEmail=False)
    consents.rig.pull()
    assert consents.customer_of(contact["Email"])["opt_in"] is False
    assert consents.holds_no(contact["Id"])


def test_no_of_another_contact_with_the_address_counts(consents: Consents) -> None:
    first, second = consents.contacts(2)
    consents.edit(second["Id"], Email=first["Email"], HasOptedOutOfEmail=True)
    consents.rig.pull()
    consents.edit(first["Id"], Phone="+31 20 7654321")
    consents.rig.pull()
    assert consents.customer_of(first["Email"])["opt_in"] is False


def test_no_goes_along_with_a_changed_address(consents: Consents) -> None:
    contact = consents.contacts()[0]
    consents.says_no_here(contact["Email"])
    consents.rig.pull()
    consents.edit(contact["Id"], Email="new.address@planted.example", HasOptedOutOfEmail=False)
    consents.rig.pull()
    assert consents.customer_of("new.address@planted.example")["opt_in"] is False
    assert consents.holds_no(contact["Id"])


def test_no_of_a_record_that_is_rejected_counts(consents: Consents) -> None:
    contact = consents.contacts()[0]
    consents.edit(contact["Id"], Email=None, HasOptedOutOfEmail=True)
    consents.rig.pull()
    assert consents.customer_of(contact["Email"])["opt_in"] is False


def test_address_that_comes_again_stays_at_no(consents: Consents) -> None:
    contact = consents.contacts()[0]
    consents.edit(contact["Id"], HasOptedOutOfEmail=True)
    consents.rig.pull()
    consents.rig.org.records.delete("Contact", contact["Id"])
    consents.rig.clock.move(minutes=5)
    consents.rig.pull()
    assert not consents.is_mailable(contact["Email"])
    again = consents.rig.org.records.insert("Lead", {"LastName": "A", "Company": "B", "Email": contact["Email"]})
    consents.rig.clock.move(minutes=5)
    consents.rig.pull()
    assert consents.customer_of(contact["Email"])["opt_in"] is False
    assert next(row for row in consents.rig.people("Lead") if row["Id"] == again)["HasOptedOutOfEmail"]


def test_refused_no_waits_and_goes_when_it_can(consents: Consents) -> None:
    contact = consents.contacts()[0]
    consents.says_no_here(contact["Email"])
    refusals = consents.rig.org.refusals
    refusals.add(contact["Id"], times=9, code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="Ask the owner first")
    consents.rig.pull()
    assert consents.customer_of(contact["Email"])["opt_in"] is False
    assert not consents.holds_no(contact["Id"])
    refusals.clear()
    consents.rig.pull()
    assert consents.holds_no(contact["Id"])


def test_field_that_salesforce_did_not_change_keeps_what_it_has_here(consents: Consents) -> None:
    contact = consents.contacts()[0]
    with consents.database.transaction() as connection:
        connection.execute(
            update(customer)
            .where(customer.c.unique_key == contact["Email"].lower())
            .values(mobile_phone="06-here", work_phone="020-here")
        )
    consents.edit(contact["Id"], Phone="020-there")
    summary = consents.rig.pull()
    person = consents.customer_of(contact["Email"])
    assert (person["mobile_phone"], person["work_phone"]) == ("06-here", "020-there")
    assert summary.total.conflicts == 1
    consents.rig.sync()
    assert consents.customer_of(contact["Email"])["mobile_phone"] == "06-here"
    consents.rig.sync(repair=True)
    assert consents.customer_of(contact["Email"])["mobile_phone"] != "06-here"


def test_idle_pull_is_one_request(consents: Consents) -> None:
    consents.rig.org.journal.clear()
    consents.rig.pull()
    assert len(consents.rig.org.requests) == 1


def test_person_called_null_keeps_the_name(consents: Consents) -> None:
    contact = consents.contacts()[0]
    consents.edit(contact["Id"], LastName="null")
    consents.rig.pull()
    consents.edit(contact["Id"], Phone="020-there")
    consents.rig.pull()
    assert consents.customer_of(contact["Email"])["lastname"] == "null"


def test_limit_before_the_first_withdrawal_cuts_the_run_and_the_next_delivers(consents: Consents) -> None:
    contact = consents.contacts()[0]
    consents.says_no_here(contact["Email"])
    refusal = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    # First comes the look, then the write.
    consents.rig.org.faults.add(Fault("status", path="/composite$", nth=2, status=403, body=refusal))
    with pytest.raises(LimitReachedError):
        consents.rig.pull()
    assert not consents.is_mailable(contact["Email"])
    let_hours_pass(consents.rig, 25)
    consents.rig.pull()
    assert consents.holds_no(contact["Id"])
