"""One side is away, or takes no more: the part of the other is done, and a run that left something is not green."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from blocks.deployteq_account import DeployteqAccount
from blocks.deployteq_delivery import DeployteqDelivery
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer, request_ledger
from crm_sync.database.tables.deployteq import deployteq_customer
from crm_sync.deployteq.account import DeployteqAccount as OpenAccount
from crm_sync.exchange.collection import accept_pairing, read_account
from crm_sync.exchange.delivery import deliver
from crm_sync.exchange.exchange import Exchange
from flows.deployteq_exchange import deployteq_exchange
from flows.incremental_pull import incremental_pull
from standins.deployteq.brand import Brand
from standins.deployteq.faults import Trouble
from standins.deployteq.people import People
from standins.deployteq.server import Server
from standins.salesforce.http.faults import Fault
from tests.deployteq.constants import TOKEN, no_sleep
from tests.rigs.breakers import let_the_pause_pass
from tests.rigs.org import Rig as Org

pytestmark = pytest.mark.flow

_DAY_IS_OVER = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]


@dataclass
class Both:
    """A synced org and a brand that its customers were delivered to; `ann` and `bob` are two of them."""

    org: Org
    brand: Brand
    database: CustomerDatabase
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

    def holds_no(self, person: int) -> bool:
        """Tell whether Salesforce holds the no of a customer."""
        record = self.here(person)["salesforce_id"]
        return bool(next(row["HasOptedOutOfEmail"] for row in self.org.people("Contact") if row["Id"] == record))


@pytest.fixture
def both(synced: Org, brand: Brand, deployteq: Server, account: OpenAccount) -> Iterator[Both]:
    """Both sides, connected."""
    brand.option_fields |= {"salesforce_contact_id", "salesforce_lead_id"}
    settings = DeployteqDelivery(outbox_group=brand.outbox)
    database = synced.customers.open()
    rules = synced.mapping.rules()
    exchange = Exchange(account, database, settings, rules, lambda: datetime.now(UTC), no_sleep)
    read_account(exchange)
    accept_pairing(exchange, datetime.now(UTC))
    deliver(exchange, approved=True)
    block = DeployteqAccount(portal_host="secure.myclang.com", brand="brand", token=TOKEN, endpoint_url=deployteq.url)
    mailed = [row["id"] for row in synced.rows(customer) if row["salesforce_object"] == "Contact" and row["opt_in"]]
    yield Both(synced, brand, database, block, settings, *mailed[:2])
    database.close()


def _refuse_all(both: Both) -> None:
    both.org.org.faults.add(Fault("status", path="/services/data", times=99))


def _refuse_for_the_day(both: Both) -> None:
    both.org.org.faults.add(Fault("status", path="/composite", status=403, body=_DAY_IS_OVER))


def _be_closed(both: Both) -> None:
    _refuse_for_the_day(both)
    assert both.state(incremental_pull) == "CutByLimit"


def _use_up_the_hour(both: Both) -> None:
    with both.database.transaction() as connection:
        own = select(request_ledger.c.org).where(~request_ledger.c.org.startswith("deployteq:")).limit(1)
        row = {"org": connection.scalar(own), "at": datetime.now(UTC), "flow": "full_sync", "kind": "query"}
        connection.execute(insert(request_ledger), [row] * 3_600)


def _recover(both: Both) -> None:
    both.org.org.faults.clear()
    let_the_pause_pass(both.org)
    with both.database.transaction() as connection:
        connection.execute(update(request_ledger).values(at=datetime.now(UTC) - timedelta(hours=2)))


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (_refuse_all, "Failed"),
        (_refuse_for_the_day, "CutByLimit"),
        (_be_closed, "CutByLimit"),
        (_use_up_the_hour, "CutByLimit"),
    ],
)
def test_while_salesforce_takes_nothing_deployteq_is_served_and_the_run_says_what_waits(
    both: Both, people: People, trouble: Callable[[Both], None], state: str
) -> None:
    trouble(both)
    people.unsubscribe(both.there(both.ann)["id"])
    both.change(both.bob, lastname="Changed")
    assert both.state() == state
    assert (both.here(both.ann)["opt_in"], both.holds_no(both.ann)) == (False, False)
    assert (both.there(both.bob)["lastname"], both.brand.members[both.brand.outbox]) == ("Changed", {})
    _recover(both)
    assert both.state() == "Completed"
    assert both.holds_no(both.ann)


def test_while_deployteq_is_down_salesforce_is_served_and_nothing_is_sent_there(both: Both) -> None:
    both.brand.troubles.add(Trouble("reset", times=99))
    both.change(both.ann, opt_in=False)
    assert both.state() == "DeployteqUnavailable"
    assert both.holds_no(both.ann)
    calls = len(both.brand.journal)
    both.change(both.bob, opt_in=False)
    assert (both.state(), both.holds_no(both.bob)) == ("DeployteqUnavailable", False)
    assert (both.state(incremental_pull), both.holds_no(both.bob)) == ("Completed", True)
    assert len(both.brand.journal) == calls
    both.brand.troubles.waiting.clear()
    _recover(both)
    assert both.state() == "Completed"
    assert {both.there(one)["optIn"] for one in (both.ann, both.bob)} == {"N"}
