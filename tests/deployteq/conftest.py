"""A Deployteq brand on this machine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from crm_sync.database.engine import CustomerDatabase
from crm_sync.deployteq.account import DeployteqAccount
from crm_sync.deployteq.host import endpoint
from crm_sync.deployteq.limits import VERSION
from crm_sync.deployteq.transport import LONGEST_ANSWER, CallLedger, Transport
from crm_sync.exchange.resources_store import KeptResources
from crm_sync.exchange.settings import ExchangeSettings
from standins.deployteq.brand import Brand
from standins.deployteq.people import People
from standins.deployteq.server import Server
from tests.consent.conftest import KEY
from tests.consent.conftest import People as Here
from tests.deployteq.both import Both, make_both
from tests.deployteq.constants import START, TOKEN
from tests.deployteq.rig import Rig
from tests.rigs.org import Rig as Org


@pytest.fixture
def brand() -> Brand:
    """A brand with the option fields that a delivery uses, and an outbox group."""
    made = Brand(TOKEN, option_fields={"salesforce_customer", "salesforce_id", "salesforce_first_delivery"})
    made.outbox = made.make_group("outbox")
    return made


@pytest.fixture
def people(brand: Brand) -> People:
    """The people of the brand."""
    return People(brand)


@pytest.fixture
def deployteq(brand: Brand) -> Iterator[Server]:
    """The brand on a socket."""
    with Server(brand) as server:
        yield server


@pytest.fixture
def account(deployteq: Server) -> Iterator[DeployteqAccount]:
    """Our side of the brand, with a ledger that only counts."""
    with open_account(deployteq) as made:
        yield made


class Counter:
    """A ledger that keeps the statuses."""

    def __init__(self) -> None:
        """Start empty."""
        self.statuses: list[int] = []

    def reserve(self, kind: str, at: datetime) -> int:
        """Take any call."""
        return 1

    def complete(self, request_id: int, status: int) -> None:
        """Keep the status."""
        self.statuses.append(status)


@contextmanager
def open_account(
    server: Server,
    token: str = TOKEN,
    ledger: CallLedger | None = None,
    slow_down: Callable[[float], None] = lambda _: None,
    throttle: Callable[[], None] = lambda: None,
    longest_answer: float = LONGEST_ANSWER,
) -> Iterator[DeployteqAccount]:
    """Open the gateway to the stand-in; `throttle` is called before each call."""
    transport = Transport(
        endpoint("secure.myclang.com", VERSION),
        throttle=throttle,
        ledger=ledger or Counter(),
        clock=lambda: datetime.now(UTC),
        endpoint_url=server.url,
        slow_down=slow_down,
        longest_answer=longest_answer,
    )
    account = DeployteqAccount(token, transport, brand="brand")
    yield account
    account.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.long, pytest.mark.postgresql])])
def rig_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a database; that of PostgreSQL in the long run."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def rig(rig_url: str, brand: Brand, people: People, account: DeployteqAccount) -> Iterator[Rig]:
    """A customer database beside the brand."""
    with make_rig(rig_url, brand, people, account) as made:
        yield made


@pytest.fixture
def each_rig(database_url: str, brand: Brand, people: People, account: DeployteqAccount) -> Iterator[Rig]:
    """A customer database of either kind beside the brand, in every run."""
    with make_rig(database_url, brand, people, account) as made:
        yield made


@contextmanager
def make_rig(url: str, brand: Brand, people: People, account: DeployteqAccount) -> Iterator[Rig]:
    """Put a customer database beside the brand."""
    database = CustomerDatabase(url, KEY)
    here = Here(database, START)
    brand.clock = lambda: here.now
    brand.greets = "salesforce_first_delivery"
    account.resources = KeptResources(database, account.brand, lambda: here.now)
    settings = ExchangeSettings(outbox_group=brand.outbox)
    yield Rig(here, brand, people, account, settings)
    database.close()


@pytest.fixture
def both(both_synced: Org, brand: Brand, deployteq: Server, account: DeployteqAccount) -> Iterator[Both]:
    """An org and the brand, connected by flows."""
    with make_both(both_synced, brand, deployteq, account) as made:
        yield made
