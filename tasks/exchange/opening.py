"""Opens a Deployteq account for a run: its pace, its ledger of calls, its settings."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from blocks.deployteq_account import DeployteqAccount
from blocks.deployteq_delivery import DeployteqDelivery
from blocks.load import load_block
from crm_sync.budget.calls_store import CallLedger
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.resources_store import KeptResources
from crm_sync.mapping.model import MappingRules
from tasks.run.run import Run, utc_now
from tasks.run.throttle import SLOTS_PER_REQUEST, take_turn
from tasks.run.waiting import no_pause, pause

ALL_CALLS = "deployteq-api"
# Deployteq names no limit, so this is a cautious guess: two calls at once, two a second.
_SLOTS, _PER_SECOND = 2 * SLOTS_PER_REQUEST, 2.0 * SLOTS_PER_REQUEST


@contextmanager
def open_exchange(
    run: Run, rules: MappingRules, flow: str, account: DeployteqAccount | str, delivery: DeployteqDelivery | str
) -> Iterator[Exchange]:
    """Give the exchange of a run; raises DeployteqDownError while Deployteq is down, before any call."""
    block, settings = load_block(DeployteqAccount, account), load_block(DeployteqDelivery, delivery)
    ledger = CallLedger(run.database, brand=block.brand, flow=flow, clock=utc_now)
    ledger.check_open()
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(ALL_CALLS)
        except ObjectNotFound:
            with suppress(ObjectAlreadyExists):
                client.upsert_global_concurrency_limit_by_name(
                    ALL_CALLS, limit=_SLOTS, slot_decay_per_second=_PER_SECOND
                )
        # A stand-in on this machine needs no mercy.
        throttle = (lambda: None) if block.endpoint_url else partial(take_turn, client, [ALL_CALLS])
        kept = KeptResources(run.database, block.brand, utc_now)
        opened = block.get_client(throttle=throttle, ledger=ledger, clock=utc_now, resources=kept)
        try:
            sleep = no_pause if block.endpoint_url else pause
            yield Exchange(opened, run.database, settings, rules, utc_now, sleep, run.number)
        finally:
            opened.close()
