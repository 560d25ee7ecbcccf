"""The deployments: which flow runs when, and what its form in the UI starts with."""

from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from typing import Any, cast

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron, Interval, Schedule

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.salesforce_credentials import SalesforceCredentials
from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.mapping.model import CustomerFieldKind
from deployments.forms import defaults_of, form_of
from deployments.kept_schedules import BY_DEFAULT
from flows.api_budget import api_budget
from flows.campaign_push import campaign_push
from flows.check_connection import check_connection
from flows.consent_proof import consent_proof
from flows.contact_moment_export import EVERY as MOMENTS_EVERY
from flows.contact_moment_export import contact_moment_export
from flows.erase_customer import erase_customer
from flows.full_sync import full_sync
from flows.incremental_pull import EVERY, incremental_pull
from flows.install_contact_moment_objects import install_contact_moment_objects
from flows.propose_mapping import propose_mapping
from flows.retry_outputs import retry_outputs
from flows.undo_run import undo_run

# One at a time, and the next run waits: no run that was asked for is dropped.
_ONE_AFTER_THE_OTHER = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
# One at a time, and the next run is cancelled, visibly: the run after it does its work too.
_ONE_OR_NONE = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)

_BUDGET_EVERY = timedelta(minutes=5)
_ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)

_BLOCKS = {
    "salesforce": SalesforceCredentials,
    "database": CustomerDatabase,
    "mapping": DataMapping,
    "settings": SalesforceSynchronize,
}
_BLOCK_NAMES = {
    "salesforce": "salesforce",
    "database": "customers",
    "mapping": "mapping",
    "settings": "salesforce-synchronize",
}


# Whose block a Deployteq account is saved in; without it, nothing of the exchange with Deployteq is imported.
_ACCOUNT_TYPE, _ACCOUNT_NAME = "deployteq-account", "deployteq"


def build_deployments(version: str | None = None, *, deployteq: bool | None = None) -> list[RunnerDeployment]:
    """Return every deployment; blocks are picked in their forms, and one that is not saved yet is found by its name.

    `deployteq`: with the flows of a Deployteq account; by itself, when the block of one is saved. `version`: of this
    project. Given here and not later, since Prefect replaces one that is set later by its own guess.
    """
    push_blocks = _saved_blocks()
    blocks = {parameter: block for parameter, block in push_blocks.items() if parameter != "settings"}
    org_blocks = {parameter: blocks[parameter] for parameter in ("salesforce", "database")}
    deploy = partial(_deployment, version, _linked_options())
    is_connected = _is_connected() if deployteq is None else deployteq
    account = _account_blocks() if is_connected else {}
    account_only = {parameter: block for parameter, block in account.items() if parameter == "account"}
    return [
        # A weekly repair of whatever no change ever announced; the first one is started by hand.
        deploy(
            full_sync,
            blocks,
            schedule=Cron("6 3 * * 0", timezone="Europe/Amsterdam", slug=BY_DEFAULT),
            concurrency_limit=_ONE_AFTER_THE_OTHER,
        ),
        deploy(incremental_pull, blocks, schedule=_every(EVERY, minute=0), concurrency_limit=_ONE_OR_NONE),
        deploy(
            contact_moment_export,
            org_blocks,
            schedule=_every(MOMENTS_EVERY, minute=4),
            concurrency_limit=_ONE_OR_NONE,
        ),
        deploy(campaign_push, push_blocks, concurrency_limit=_ONE_AFTER_THE_OTHER),
        deploy(retry_outputs, push_blocks, concurrency_limit=_ONE_AFTER_THE_OTHER),
        deploy(check_connection, {**blocks, **account}),
        deploy(api_budget, org_blocks, schedule=_every(_BUDGET_EVERY, minute=2), concurrency_limit=_ONE_OR_NONE),
        deploy(consent_proof, {"database": blocks["database"]}),
        deploy(undo_run, {"database": blocks["database"]}, concurrency_limit=_ONE_AFTER_THE_OTHER),
        deploy(erase_customer, {"database": blocks["database"], **account_only}),
        deploy(propose_mapping, org_blocks),
        deploy(install_contact_moment_objects, org_blocks, concurrency_limit=_ONE_AFTER_THE_OTHER),
        *(_deployteq(version, {**blocks, **account}) if is_connected else []),
    ]


def _is_connected() -> bool:
    with get_client(sync_client=True) as client:
        try:
            client.read_block_document_by_name(_ACCOUNT_NAME, _ACCOUNT_TYPE)
        except ObjectNotFound:
            return False
    return True


def _account_blocks() -> dict[str, Any]:
    exchange = import_module("deployments.deployteq")
    return {parameter: _reference(kind, name) for parameter, (kind, name) in exchange.BLOCKS.items()}


def _deployteq(version: str | None, picked: dict[str, Any]) -> list[RunnerDeployment]:
    exchange = import_module("deployments.deployteq")
    deploy = partial(_deployment, version, _linked_options())
    return [
        deploy(
            exchange.EXCHANGE,
            picked,
            schedule=_every(exchange.EXCHANGE_EVERY, minute=3),
            concurrency_limit=_ONE_OR_NONE,
        ),
        deploy(exchange.PAIRING, picked, concurrency_limit=_ONE_AFTER_THE_OTHER),
        deploy(exchange.RECONCILE, picked, schedule=exchange.NIGHTLY, concurrency_limit=_ONE_AFTER_THE_OTHER),
    ]


def _every(period: timedelta, *, minute: int) -> Schedule:
    """Repeat from a minute of the hour on: no two at once, since each starts a process and a Prefect server on SQLite
    takes one writer; and always the same, also after `make deploy`."""
    return Interval(period, anchor_date=_ANCHOR + timedelta(minutes=minute), slug=BY_DEFAULT)


def _deployment(
    version: str | None, options: list[str], flow: Flow[..., Any], parameters: dict[str, Any], **rest: Any
) -> RunnerDeployment:
    # A block that is not saved yet is not there to pick; the flow itself finds it under its usual name.
    filled = defaults_of(flow) | {name: block for name, block in parameters.items() if not isinstance(block, str)}
    made = flow.to_deployment(
        flow.name.replace("_", "-"),
        description=_description(flow),
        parameters=filled,
        tags=["salesforce"],
        version=version,
        **rest,
    )
    deployment = cast(RunnerDeployment, made)  # only in an event loop it would be a coroutine
    deployment._parameter_openapi_schema = form_of(flow, filled, options)
    return deployment


def _linked_options() -> list[str]:
    """Return the option fields that the saved mapping links, without repeats."""
    try:
        mapping = cast(DataMapping, DataMapping.load(_BLOCK_NAMES["mapping"]))
    except ValueError:  # Prefect's answer for a block that is not there
        return []
    links = [] if mapping.problem else [*mapping.contact.links, *mapping.lead.links]
    return sorted({link.name for link in links if link.kind is CustomerFieldKind.OPTION})


def _description(flow: Flow[..., Any]) -> str:
    """Return the flow's docstring without its parameters, which the form of a run explains beside each box."""
    return (flow.description or "").partition("Args:")[0].strip()


def _saved_blocks() -> dict[str, Any]:
    return {parameter: _reference(_BLOCKS[parameter], name) for parameter, name in _BLOCK_NAMES.items()}


def _reference(kind: Any, name: str) -> Any:
    try:
        saved = kind.load(name, validate=False)
    except ValueError:  # Prefect's answer for a block that is not there
        return name
    return {"$ref": {"block_document_id": str(saved._block_document_id)}}
