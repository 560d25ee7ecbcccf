"""A story of records in which each part ends a cycle."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pandas as pd
from sqlalchemy import text, update

from crm_sync.consent.cycle_store import Cycle, close_cycle
from crm_sync.consent.delivery_store import read_waiting, store_accepted, store_held
from crm_sync.consent.record_store import record_consent
from crm_sync.consent_words import Channel
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from crm_sync.sobject import SObject
from tests.rigs.story import Record, Story

ADA, BOB = "ada@x.org", "bob@x.org"
LINKED = {one: [Channel.EMAIL] for one in SObject}
Act = Callable[["Told"], object]


class Told:
    """A story of which each part is followed by the end of a cycle, and what is said here in between."""

    def __init__(self, story: Story, database: CustomerDatabase) -> None:
        """Start with nobody."""
        self.story, self.database = story, database

    def live(self, *steps: Record | list[Record] | Act) -> "Told":
        """Land records, or let something else happen, and end a cycle after each."""
        for step in steps:
            if callable(step):
                step(self)
            else:
                self.story.land(*([step] if isinstance(step, dict) else step))
            self.cycle()
        return self

    def cycle(self) -> None:
        self.story.now += timedelta(minutes=1)
        with self.database.transaction() as connection:
            close_cycle(connection, Cycle(self.database.hashes, self.story.run, self.story.now, LINKED))

    def change(self, key: str, **values: Any) -> None:
        """Change a customer as somebody's SQL would."""
        with self.database.transaction() as connection:
            connection.execute(update(customer).where(customer.c.unique_key == key).values(**values))

    def deliver(self, held: str = "") -> None:
        """Let Salesforce take all that waits, but for a record that says so already."""
        self.story.now += timedelta(minutes=1)
        with self.database.transaction() as connection:
            waiting = read_waiting(connection, 99)
            is_held = waiting["record_id"].eq(held)
            store_held(connection, waiting[is_held], self.story.now, self.story.now)
            waiting = waiting[~is_held]
            confirmed = pd.DataFrame({"id": waiting["record_id"], "field_values": '{"HasOptedOutOfEmail":"true"}'})
            store_accepted(connection, waiting, confirmed, self.story.now, self.story.now)
        self.story.now += timedelta(minutes=1)

    def waiting(self) -> set[tuple[str, str]]:
        """Return the records that Salesforce is to be written, and what."""
        with self.database.transaction() as connection:
            waiting = read_waiting(connection, 99)
        return set(zip(waiting["record_id"], waiting["said"], strict=True))

    def mailable(self) -> set[str]:
        """Return the keys of those who may be mailed, by the view; `opt_in` has to agree with it."""
        with self.database.transaction() as connection:
            query = "SELECT unique_key FROM customer JOIN customer_mailable ON id = customer_id WHERE is_mailable"
            found = set(connection.scalars(text(query)))
        opted_in = {key for key, row in self.story.customers().items() if row["opt_in"]}
        assert found <= opted_in
        return found


def contact(number: int = 1, email: str | None = ADA, at: int = 0, *, no: bool = False, **fields: str) -> Record:
    """Return a contact with Ada's address, if no other is given."""
    return Story.contact(number, email, at=at, HasOptedOutOfEmail=str(no).lower(), **fields)


def lead(number: int = 1, email: str | None = ADA, at: int = 0, *, no: bool = False, **fields: str) -> Record:
    """Return a lead with Ada's address, if no other is given."""
    return Story.lead(number, email, at=at, HasOptedOutOfEmail=str(no).lower(), **fields)


def merged(number: int, into: int, at: int, *, email: str = ADA) -> Record:
    """Return a contact that was merged into another and had said no."""
    return contact(number, email, at, no=True, IsDeleted="true") | {"MasterRecordId": contact(into)["Id"]}


def converted(into: int, at: int, *, no: bool = False) -> Record:
    """Return a lead that was converted into a contact."""
    return lead(1, ADA, at, no=no, IsConverted="true") | {"ConvertedContactId": contact(into)["Id"]}


def no_here(told: Told) -> None:
    """Let somebody's SQL say no for Ada."""
    told.change(ADA, opt_in=False)


def complain(told: Told) -> None:
    """Let Ada complain."""
    record_consent(told.database, ADA, "no", told.story.now, cause="complaint")


def yes_here(told: Told) -> None:
    """Let somebody's SQL say yes for Ada."""
    told.change(ADA, opt_in=True)


def no_here_before(record: Record) -> Act:
    """Let the no be there when a record comes, and be noticed with it."""

    def both(told: Told) -> None:
        no_here(told)
        told.story.land(record)

    return both
