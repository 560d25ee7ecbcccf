"""Opens a Deployteq account for a run: its pace, its ledger of calls, its settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from prefect.client.orchestration import get_client

from blocks.deployteq_account import DeployteqAccount
from blocks.deployteq_delivery import DeployteqDelivery
from blocks.load import load_block
from crm_sync.budget.calls_store import CallLedger
from crm_sync.database.engine import CustomerDatabase
from crm_sync.deployteq.account import DeployteqAccount as OpenAccount
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.resources_store import KeptResources
from crm_sync.mapping.model import MappingRules
from crm_sync.push.queue_store import enter_named
from tasks.exchange.pace import ALL_CALLS, give_way, set_pace
from tasks.run.run import Run, utc_now
from tasks.run.throttle import take_turn
from tasks.run.waiting import pause_for


@contextmanager
def open_exchange(
    run: Run, rules: MappingRules, flow: str, account: DeployteqAccount | str, delivery: DeployteqDelivery | str
) -> Iterator[Exchange]:
    """Give the exchange of a run; raises DeployteqDownError while Deployteq is down, before any call."""
    block, settings = load_block(DeployteqAccount, account), load_block(DeployteqDelivery, delivery)
    enter = enter_named(settings.campaign, settings.step, utc_now)
    wait = pause_for(block.endpoint_url)
    with open_account(run.database, block, flow) as opened:
        yield Exchange(opened, run.database, settings, rules, utc_now, wait, run.number, enter)


@contextmanager
def open_account(database: CustomerDatabase, block: DeployteqAccount, flow: str) -> Iterator[OpenAccount]:
    """Give an account, with its pace and its ledger; raises DeployteqDownError while Deployteq is down."""
    ledger = CallLedger(database, brand=block.brand, flow=flow, clock=utc_now)
    ledger.check_open()
    with get_client(sync_client=True) as client:
        set_pace(client, block.calls_per_second)
        throttle = (lambda: None) if block.endpoint_url else partial(take_turn, client, [ALL_CALLS])
        opened = block.get_client(
            throttle=throttle,
            ledger=ledger,
            clock=utc_now,
            resources=KeptResources(database, block.brand, utc_now),
            slow_down=give_way(client, pause_for(block.endpoint_url)),
        )
        try:
            yield opened
        finally:
            opened.close()
