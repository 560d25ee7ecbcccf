"""The stand-in Deployteq account of the demo: a process of its own on this machine, and the blocks that lead to it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.deployteq_account import DeployteqAccount
from blocks.deployteq_delivery import DeployteqDelivery
from blocks.load import load_block
from crm_sync.errors import PersonNeededError
from crm_sync.exchange.connection_store import read_connection
from crm_sync.exchange.pairing_store import number_there
from crm_sync.mapping.model import CustomerFieldKind
from deployments.environment import DEMO_FOLDER
from flows.deployteq_exchange import deployteq_exchange
from flows.deployteq_pairing import deployteq_pairing
from standins.deployteq.__main__ import TOKEN

_BRAND = "demo"


@dataclass(frozen=True)
class DemoBrand:
    """The account, as a reader of its mail and a marketer see it."""

    url: str
    outbox: int

    def unsubscribe(self, customer_id: int) -> None:
        """Take the unsubscribe link in a mail to this customer."""
        self._order(acts=[["unsubscribe", self._number(customer_id)]])

    def customer(self, customer_id: int) -> dict[str, Any]:
        """Return what Deployteq has of a customer."""
        number = self._number(customer_id)
        found = httpx.get(f"{self.url}/__control", timeout=30).raise_for_status().json()["customers"]
        return dict(next(one for one in found if one["id"] == number))

    def _number(self, customer_id: int) -> int:
        database = load_block(CustomerDatabase, "customers").open()
        with database.transaction() as connection:
            number = number_there(connection, _BRAND, customer_id)
        database.close()
        return number

    def _order(self, **orders: Any) -> None:
        httpx.post(f"{self.url}/__control", json=orders, timeout=30).raise_for_status()


@contextmanager
def demo_brand(*, lively: bool = False) -> Iterator[DemoBrand]:
    """Give a stand-in account; what is in it is kept for the next start. `lively`: people there act all the time."""
    DEMO_FOLDER.mkdir(exist_ok=True)
    mapping = load_block(DataMapping, "mapping")
    fields = {
        link.name
        for one in (mapping.contact, mapping.lead)
        for link in one.links
        if link.kind is CustomerFieldKind.OPTION
    }
    command = [sys.executable, "-m", "standins.deployteq", "--control", "--stop-with-parent"]
    command += ["--state", str(DEMO_FOLDER / "deployteq.json")]
    command += [*(["--lively", "20"] if lively else []), "--fields", *sorted(fields)]
    brand = subprocess.Popen(  # noqa: S603  # our own interpreter and words
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
    )
    try:
        lines = [brand.stdout.readline().strip() if brand.stdout else "" for _ in range(2)]
        if not all(lines):
            raise SystemExit("The stand-in Deployteq account did not start; its own lines above say why.")
        yield DemoBrand(lines[0], int(lines[1]))
    finally:
        brand.terminate()
        brand.wait()


def save_account(brand: DemoBrand) -> None:
    """Save the blocks that the flows look for."""
    DeployteqAccount(portal_host="secure.myclang.com", brand=_BRAND, token=TOKEN, endpoint_url=brand.url).save(
        "deployteq", overwrite=True
    )
    DeployteqDelivery(outbox_group=brand.outbox).save("deployteq-delivery", overwrite=True)


def is_paired() -> bool:
    """Tell whether a person has accepted the pairing and the first customers."""
    database = load_block(CustomerDatabase, "customers").open()
    with database.transaction() as connection:
        state = read_connection(connection, _BRAND)
    database.close()
    return state.approved_at is not None


def first_delivery() -> str:
    """Pair, accept, make the first fifty, approve; returns what a person saw on the way."""
    said = []
    for step in (
        lambda: deployteq_pairing(may_write_test_customers=True),
        lambda: deployteq_pairing(accept_the_pairing=True),
        deployteq_exchange,
        lambda: deployteq_exchange(approve_changes=True),
    ):
        try:
            said.append(step().sentence())
        except PersonNeededError as needed:
            said.append(str(needed))
    return "\n".join(said)
