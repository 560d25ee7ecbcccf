"""The flows of a Deployteq account as the UI runs them: pairing, first delivery, an opt-out on its way."""

from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client

from blocks.deployteq_account import DeployteqAccount
from blocks.deployteq_delivery import DeployteqDelivery
from crm_sync.database.tables.customers import customer
from crm_sync.database.tables.deployteq import deployteq_customer
from flows.check_connection import check_connection
from flows.deployteq_exchange import deployteq_exchange
from flows.deployteq_pairing import deployteq_pairing
from flows.deployteq_reconcile import deployteq_reconcile
from flows.erase_customer import erase_customer
from standins.deployteq.brand import Brand
from standins.deployteq.people import People
from standins.deployteq.server import Server
from standins.salesforce.http.faults import Fault
from tasks.exchange.pace import ALL_CALLS, give_way, set_pace
from tests.deployteq.constants import TOKEN
from tests.rigs.org import Rig as Org
from tests.rigs.org import artifact

pytestmark = pytest.mark.flow


def _account(server: Server, token: str = TOKEN) -> DeployteqAccount:
    return DeployteqAccount(portal_host="secure.myclang.com", brand="brand", token=token, endpoint_url=server.url)


def _has_opted_out(synced: Org, customer_id: int) -> bool:
    record = next(row["salesforce_id"] for row in synced.rows(customer) if row["id"] == customer_id)
    return bool(next(row["HasOptedOutOfEmail"] for row in synced.people("Contact") if row["Id"] == record))


def test_an_account_is_paired_filled_and_its_opt_outs_reach_salesforce(
    synced: Org, brand: Brand, people: People, deployteq: Server
) -> None:
    brand.option_fields |= {"salesforce_contact_id", "salesforce_lead_id"}
    settings = DeployteqDelivery(outbox_group=brand.outbox, first_customers=10)
    sides: dict[str, Any] = synced.blocks() | {"account": _account(deployteq), "delivery": settings}

    def state(flow: Any, **options: Any) -> str:
        return str(flow(**sides, **options, return_state=True).name)

    assert state(deployteq_exchange) == "NotConfigured"
    assert state(deployteq_pairing, dry_run=True) == "DryRun"
    assert state(deployteq_pairing, may_write_test_customers=True) == "NeedsApproval"
    assert brand.customers == {}
    assert state(deployteq_exchange) == "NeedsApproval"
    assert state(deployteq_pairing, accept_the_pairing=True) == "Completed"
    assert state(deployteq_exchange) == "NeedsApproval"
    assert len(brand.customers) == 10
    assert state(deployteq_exchange, approve_changes=True) == "Completed"
    pairs = {row["deployteq_id"]: row["customer_id"] for row in synced.rows(deployteq_customer)}
    assert {*pairs} == {*brand.customers}
    brand.journal.clear()
    assert (state(deployteq_exchange), len(brand.journal) <= 4) == ("Completed", True)
    mailed = {row["id"] for row in synced.rows(customer) if row["salesforce_object"] == "Contact" and row["opt_in"]}
    number, other = [number for number, person in pairs.items() if person in mailed][:2]
    people.unsubscribe(number)
    assert state(deployteq_exchange) == "Completed"
    assert _has_opted_out(synced, pairs[number])
    assert state(deployteq_reconcile) == "Completed"
    assert "Calls to Deployteq" in artifact("api-budget")
    assert "here ↔ Deployteq" in artifact("health")
    # Salesforce takes no login: what is said in Deployteq is here all the same, and waits.
    people.unsubscribe(other)
    password, synced.org.settings.password = synced.org.settings.password, "changed-since"
    synced.org.faults.add(Fault("expire_session"))
    assert state(deployteq_exchange) == "Failed"
    assert not next(row for row in synced.rows(customer) if row["id"] == pairs[other])["opt_in"]
    assert brand.members[brand.outbox] == {}
    synced.org.settings.password = password
    assert state(check_connection, may_write_test_customers=True) == "Completed"
    assert "an update by a value that two customers have" in artifact("connection")
    assert "| linked option fields that the brand lacks | none |" in artifact("connection")
    assert state(deployteq_exchange) == "Completed"
    assert _has_opted_out(synced, pairs[other])
    assert state(deployteq_reconcile, dry_run=True) == "DryRun"
    who: dict[str, Any] = {name: sides[name] for name in ("database", "account")} | {"also_in_deployteq": True}
    assert erase_customer(str(pairs[other]), dry_run=True, **who).endswith("To be deleted in Deployteq: 1 customer.")
    assert other in brand.customers
    assert erase_customer(str(pairs[other]), **who).endswith("Deleted in Deployteq: 1 customer.")
    assert other not in brand.customers
    assert state(deployteq_exchange) == "Completed"
    assert len(brand.customers) == len(pairs) - 1
    brand.switches.left_out = "emptied"
    assert state(check_connection, may_write_test_customers=True) == "NotConfigured"
    assert state(deployteq_exchange) == "NotConfigured"
    sides["account"] = _account(deployteq, "another")
    assert state(deployteq_exchange) == "NotConfigured"


def test_the_pace_gives_way_and_recovers(prefect_home: Path) -> None:
    waited: list[float] = []
    with get_client(sync_client=True) as client:
        assert set_pace(client, 2) == 2
        slow_down = give_way(client, waited.append)
        slow_down(7)
        slow_down(9)
        assert (set_pace(client, 2), waited) == (0.625, [7, 9])
        for _ in range(9):
            pace = set_pace(client, 2)
        assert pace == 2
        # A block with a slower pace counts at once.
        assert set_pace(client, 1) == 1
        client.delete_global_concurrency_limit_by_name(ALL_CALLS)
