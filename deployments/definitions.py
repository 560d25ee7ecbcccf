"""The deployments: which flow runs when, and what its form in the UI starts with."""

from typing import Any, cast

from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.salesforce_credentials import SalesforceCredentials
from flows.check_connection import check_connection
from flows.full_sync import full_sync

# One at a time, and the next one waits its turn: nothing that was asked for is dropped.
_IN_TURN = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)

_BLOCKS = {"salesforce": SalesforceCredentials, "database": CustomerDatabase, "mapping": DataMapping}
_BLOCK_NAMES = {"salesforce": "salesforce", "database": "customers", "mapping": "mapping"}


def build_deployments() -> list[RunnerDeployment]:
    """Return every deployment; saved blocks are picked in their forms, names stand in for those still missing."""
    blocks = _saved_blocks()
    deployments = [
        full_sync.to_deployment(
            "full-sync",
            description=_description(full_sync),
            parameters=blocks,
            # A weekly repair of whatever no change ever announced; the first one is started by hand.
            schedule=Cron("0 3 * * 0", timezone="Europe/Amsterdam"),
            concurrency_limit=_IN_TURN,
            tags=["salesforce"],
        ),
        check_connection.to_deployment(
            "check-connection", description=_description(check_connection), parameters=blocks, tags=["salesforce"]
        ),
    ]
    return cast(list[RunnerDeployment], deployments)  # only in an event loop they would be coroutines


def _description(flow: Flow[..., Any]) -> str:
    """Return what the flow promises; its parameters are explained in the form of a run, each beside its box."""
    return (flow.description or "").partition("Args:")[0].strip()


def _saved_blocks() -> dict[str, Any]:
    return {parameter: _reference(_BLOCKS[parameter], name) for parameter, name in _BLOCK_NAMES.items()}


def _reference(kind: Any, name: str) -> Any:
    try:
        saved = kind.load(name, validate=False)
    except ValueError:  # Prefect's answer for a block that is not there
        return name
    return {"$ref": {"block_document_id": str(saved._block_document_id)}}
