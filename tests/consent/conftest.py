"""A customer database with a key of its own for the hashes of addresses, and a few people in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from crm_sync.columns.address_hash import KEY_BYTES
from crm_sync.consent.here_store import note_look, notice_changes_here
from crm_sync.consent.ledger_store import judge_candidates
from crm_sync.consent.queue_store import queue_withdrawals
from crm_sync.consent.standing_store import refresh_consent
from crm_sync.consent_words import Channel
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.consent import consent_delivery
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.sobject import SObject
from tests.consent.told import Told
from tests.rigs.story import HASHES, Story

KEY = b"k" * KEY_BYTES
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class People:
    """Customers who are mailed, each with a contact that says yes, and a clock that moves with every act."""

    database: CustomerDatabase
    now: datetime = START

    def tick(self) -> datetime:
        """Let ten minutes pass."""
        self.now += timedelta(minutes=10)
        return self.now

    def add(self, address: str, contact: str) -> int:
        """Add a customer with a contact, who said yes."""
        with self.database.transaction() as connection:
            person = connection.execute(
                insert(customer).values(
                    unique_key=address,
                    email_address=address,
                    address_hash=self.database.hashes.of(address),
                    salesforce_object="Contact",
                    salesforce_id=contact,
                    opt_in=True,
                    opt_in_set=True,
                    options={},
                    created_at=self.now,
                    modified_at=self.now,
                )
            ).inserted_primary_key or (0,)
            connection.execute(
                insert(salesforce_record).values(
                    id=contact,
                    sobject="Contact",
                    unique_key=address,
                    customer_id=person[0],
                    system_modstamp=self.now,
                    is_deleted=False,
                    is_converted=False,
                    field_values={},
                    says_no_email=False,
                    address_hash=self.database.hashes.of(address),
                    read_at=self.now,
                )
            )
        return int(person[0])

    def set(self, customer_id: int, **values: Any) -> None:
        """Change a customer as somebody's SQL would."""
        with self.database.transaction() as connection:
            connection.execute(update(customer).where(customer.c.id == customer_id).values(**values))

    def cycle(self, *, users_may_lift: bool = True, most_lifts: int | None = None) -> None:
        """Do what a pull does about consent, without Salesforce."""
        now, everybody = self.tick(), select(customer.c.id)
        with self.database.transaction() as connection:
            notice_changes_here(connection, self.database.hashes, run=None, now=now)
            note_look(connection, now)
            judge_candidates(connection, users_may_lift=users_may_lift, most_lifts=most_lifts, run=None, now=now)
            refresh_consent(connection, everybody, now)
            queue_withdrawals(connection, everybody, {SObject.CONTACT: [Channel.EMAIL]}, now)

    def opt_in(self, customer_id: int) -> bool | None:
        """Return what a customer stands at."""
        with self.database.transaction() as connection:
            return connection.scalar(select(customer.c.opt_in).where(customer.c.id == customer_id))

    def queued(self) -> list[tuple[str, str]]:
        """Return the record and the word of everything that waits for Salesforce."""
        with self.database.transaction() as connection:
            rows = connection.execute(select(consent_delivery.c.record_id, consent_delivery.c.said))
            return [(row.record_id, row.said) for row in rows]


@pytest.fixture
def people(database_url: str) -> Iterator[People]:
    """Start with nobody, on both databases."""
    database = CustomerDatabase(database_url, KEY)
    yield People(database)
    database.close()


@pytest.fixture
def told(database_url: str) -> Iterator[Told]:
    """Start with no records, on both databases."""
    database = CustomerDatabase(database_url, HASHES.key)
    yield Told(Story(database.transaction), database)
    database.close()
