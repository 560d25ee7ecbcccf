"""A synced org and a brand that its customers were delivered to, as the flows see them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import update

from blocks.deployteq_account import DeployteqAccount
from blocks.deployteq_delivery import DeployteqDelivery
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from crm_sync.database.tables.deployteq import deployteq_customer
from crm_sync.deployteq.account import DeployteqAccount as OpenAccount
from crm_sync.exchange.collection import accept_pairing, read_account
from crm_sync.exchange.delivery import deliver
from crm_sync.exchange.exchange import Exchange
from flows.deployteq_exchange import deployteq_exchange
from standins.deployteq.brand import Brand
from standins.deployteq.server import Server
from tests.deployteq.constants import TOKEN, no_sleep
from tests.rigs.org import Rig as Org

# What Salesforce says when the requests of the day are used up.
DAY_IS_OVER = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]


@dataclass
class Both:
    """A synced org and a brand that its customers were delivered to; `ann` and `bob` are two of them."""

    org: Org
    brand: Brand
    database: CustomerDatabase
    exchange: Exchange
    account: DeployteqAccount
    delivery: DeployteqDelivery
    ann: int
    bob: int

    def state(self, flow: Any = deployteq_exchange) -> str:
        """Run a flow and return its final state."""
        sides = {"account": self.account, "delivery": self.delivery} if flow is deployteq_exchange else {}
        return str(flow(**self.org.blocks(), **sides, return_state=True).name)

    def change(self, person: int, **values: Any) -> None:
        """Change a customer here."""
        with self.database.transaction() as connection:
            connection.execute(
                update(customer).where(customer.c.id == person).values(**values, modified_at=datetime.now(UTC))
            )

    def here(self, person: int) -> dict[str, Any]:
        """Return a customer."""
        return next(row for row in self.org.rows(customer) if row["id"] == person)

    def there(self, person: int) -> dict[str, Any]:
        """Return a customer as Deployteq has it."""
        rows = self.org.rows(deployteq_customer)
        return self.brand.customers[next(row["deployteq_id"] for row in rows if row["customer_id"] == person)]

    def record(self, person: int) -> dict[str, Any]:
        """Return a customer's contact as Salesforce has it."""
        return next(row for row in self.org.people("Contact") if row["Id"] == self.here(person)["salesforce_id"])

    def holds_no(self, person: int) -> bool:
        """Tell whether Salesforce holds the no of a customer."""
        return bool(self.record(person)["HasOptedOutOfEmail"])


@contextmanager
def make_both(synced: Org, brand: Brand, deployteq: Server, account: OpenAccount) -> Iterator[Both]:
    """Connect both sides."""
    brand.option_fields |= {"salesforce_contact_id", "salesforce_lead_id"}
    settings = DeployteqDelivery(outbox_group=brand.outbox)
    database = synced.customers.open()
    exchange = Exchange(account, database, settings, synced.mapping.rules(), lambda: datetime.now(UTC), no_sleep)
    read_account(exchange)
    accept_pairing(exchange, datetime.now(UTC))
    deliver(exchange, approved=True)
    block = DeployteqAccount(portal_host="secure.myclang.com", brand="brand", token=TOKEN, endpoint_url=deployteq.url)
    mailed = [row["id"] for row in synced.rows(customer) if row["salesforce_object"] == "Contact" and row["opt_in"]]
    yield Both(synced, brand, database, exchange, block, settings, *mailed[:2])
    database.close()
