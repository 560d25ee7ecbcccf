"""A customer database, a brand of the stand-in, and the steps of an exchange; no Prefect, no Salesforce."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, func, select

from blocks.data_mapping import DataMapping
from crm_sync.consent.cycle_store import Cycle, close_cycle
from crm_sync.consent.delivery_store import read_waiting
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from crm_sync.database.tables.deployteq import deployteq_customer
from crm_sync.deployteq.account import DeployteqAccount
from crm_sync.exchange.collection import accept_pairing, collect, read_account
from crm_sync.exchange.consent import deliver_consent_there
from crm_sync.exchange.delivery import deliver
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.outcome import Delivered
from crm_sync.exchange.settings import ExchangeSettings
from crm_sync.push.queue_store import enter_named
from standins.deployteq.brand import Brand
from standins.deployteq.people import People as Readers
from tests.consent.conftest import People
from tests.deployteq.constants import no_sleep


@dataclass
class Rig:
    """Both sides, under one clock."""

    people: People
    brand: Brand
    readers: Readers
    account: DeployteqAccount
    settings: ExchangeSettings
    mapping: DataMapping = field(default_factory=DataMapping)

    @property
    def database(self) -> CustomerDatabase:
        """The customer database."""
        return self.people.database

    @property
    def exchange(self) -> Exchange:
        """The exchange as a run has it."""
        rules = self.mapping.rules()

        def clock() -> datetime:
            return self.people.now

        enter = enter_named(self.settings.campaign, self.settings.step, clock)
        return Exchange(self.account, self.database, self.settings, rules, clock, no_sleep, enter_campaign=enter)

    def add(self, name: str, **values: Any) -> int:
        """Add a customer with a contact, who says yes."""
        number = len(self.rows(customer)) + 1
        person = self.people.add(f"{name}@example.com", f"003000000000000{number:03d}")
        self.change(person, **{"lastname": name.title(), "status": "Customer", **values})
        return person

    def change(self, person: int, **values: Any) -> None:
        """Change a customer as a pull does."""
        self.people.set(person, **values, modified_at=self.people.tick())

    def say_no_in_salesforce(self, person: int) -> None:
        """Opt a customer out as a pull would land it: by a change here that is entered."""
        self.people.set(person, opt_in=False)
        self.judge()

    def judge(self) -> None:
        """End a cycle, as a pull does."""
        exchange = self.exchange
        with self.database.transaction() as connection:
            close_cycle(connection, Cycle(self.database.hashes, 1, self.people.tick(), exchange.rules.linked_consent))

    def pair(self) -> Any:
        """Read and pair the account, and accept what came of it."""
        found = read_account(self.exchange)
        accept_pairing(self.exchange, self.people.tick())
        return found

    def start(self) -> Delivered:
        """Pair, accept, and deliver everybody with a person's approval."""
        self.pair()
        return deliver(self.exchange, approved=True)

    def cycle(self, *, approved: bool = False) -> Delivered:
        """Do a run's work: collect, write consent, deliver."""
        self.people.tick()
        collect(self.exchange)
        deliver_consent_there(self.exchange)
        self.people.tick()
        return deliver(self.exchange, approved=approved)

    def wait(self, **time: float) -> None:
        """Let more time pass than between two runs."""
        self.people.now += timedelta(**time)

    def there(self, person: int) -> dict[str, Any]:
        """Return the customer of Deployteq that a person is paired with."""
        with self.database.transaction() as connection:
            number = connection.scalar(
                select(deployteq_customer.c.deployteq_id).where(
                    deployteq_customer.c.customer_id == person, ~deployteq_customer.c.is_double
                )
            )
        return self.brand.customers[number or 0]

    def here(self, person: int) -> dict[str, Any]:
        """Return a customer."""
        return next(row for row in self.rows(customer) if row["id"] == person)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """Return a table's rows."""
        with self.database.transaction() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def waiting_for_salesforce(self) -> list[tuple[str, str]]:
        """Return what Salesforce is to be written: record and word."""
        with self.database.transaction() as connection:
            found = read_waiting(connection, 1_000)
        return [*zip(found["record_id"], found["said"], strict=True)]

    def calls(self, action: Any) -> int:
        """Return how many calls an action makes."""
        before = len(self.brand.journal)
        action()
        return len(self.brand.journal) - before


def count(rig: Rig, table: Table) -> int:
    """Return how many rows a table has."""
    with rig.database.transaction() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0
