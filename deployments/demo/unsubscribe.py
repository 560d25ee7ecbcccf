"""The demo's no: a customer unsubscribes here while sales edits the person in Salesforce."""

from datetime import UTC, datetime
from typing import Any

import httpx

from blocks.customer_database import CustomerDatabase
from blocks.load import load_block
from deployments.demo.customers import change_customers, choose_subscribed, phone_of

_PHONE = "+31 20 555 01{:02d}"
_NAMES = ["Bakker", "Visser", "Smit"]


class Person:
    """A customer whose source record is a contact, in both places."""

    def __init__(self, org_url: str) -> None:
        """Choose somebody who takes e-mail so far."""
        self._org_url = org_url
        database = load_block(CustomerDatabase, "customers").open()
        with database.transaction() as connection:
            self.id, self.contact = choose_subscribed(connection)
        database.close()

    def unsubscribe(self) -> None:
        """Say no to e-mail in the customer database, as the link in a mail does."""
        database = load_block(CustomerDatabase, "customers").open()
        with database.transaction() as connection:
            change_customers(connection, [self.id], datetime.now(UTC), opt_in=False)
        database.close()

    def edit_phone(self) -> str:
        """Give the contact another phone number in Salesforce, and return it."""
        number = _PHONE.format(self.id % 100)
        self._order("update", "Contact", self.contact, {"Phone": number})
        return number

    def rename(self) -> str:
        """Give the contact another last name in Salesforce, and return it."""
        name = f"{_NAMES[self.id % len(_NAMES)]}-{datetime.now(UTC):%H%M%S}"
        self._order("update", "Contact", self.contact, {"LastName": name})
        return name

    def has_phone(self, number: str) -> bool:
        """Look whether the customer has this phone number here."""
        database = load_block(CustomerDatabase, "customers").open()
        with database.transaction() as connection:
            found = phone_of(connection, self.id)
        database.close()
        return found == number

    def is_opted_out(self) -> bool:
        """Ask Salesforce whether the contact takes no e-mail."""
        return bool(self._order("get", "Contact", self.contact)["HasOptedOutOfEmail"])

    def _order(self, *call: Any) -> Any:
        answer = httpx.post(f"{self._org_url}/__control", json={"records": [call]}, timeout=10)
        return answer.raise_for_status().json()["done"][0][0]
