"""What is deployed: names, schedules, limits, forms, and that a schedule really makes runs."""

import typing
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from blocks.customer_database import CustomerDatabase
from deployments.definitions import build_deployments
from deployments.register import BLOCK_TYPES, register
from tasks.run.throttle import LIMITS

_NAMES = (
    "full_sync", "incremental_pull", "contact_moment_export", "api_budget", "campaign_push", "retry_outputs",
    "propose_mapping", "check_connection", "consent_proof", "install_contact_moment_objects", "undo_run",
    "erase_customer",
)  # fmt: skip
# Only with a Deployteq account.
_DEPLOYTEQ_NAMES = ("deployteq_exchange", "deployteq_pairing", "deployteq_reconcile")
_FLOWS: dict[str, Flow[..., object]] = {name: getattr(import_module(f"flows.{name}"), name) for name in _NAMES}


@pytest.fixture(scope="module")
def deployments(prefect_home: Path) -> dict[str, RunnerDeployment]:
    """Return the deployments by name, on a server without blocks."""
    return {deployment.name: deployment for deployment in build_deployments()}


def test_every_flow_is_deployed_under_its_own_name(deployments: dict[str, RunnerDeployment]) -> None:
    assert {name: deployment.flow_name for name, deployment in deployments.items()} == {
        flow.replace("_", "-"): flow for flow in _FLOWS
    }


def test_one_run_at_a_time_and_the_next_waits_or_is_left_out(deployments: dict[str, RunnerDeployment]) -> None:
    for name, strategy in (("full-sync", "ENQUEUE"), ("incremental-pull", "CANCEL_NEW")):
        deployment = deployments[name]
        assert deployment.concurrency_limit == 1, name
        assert deployment.concurrency_options is not None, name
        assert deployment.concurrency_options.collision_strategy == strategy, name
    (schedule,) = deployments["incremental-pull"].schedules or []
    assert schedule.schedule.interval == timedelta(minutes=10)  # type: ignore[union-attr]  # it is an interval


def test_no_two_start_at_once(prefect_home: Path) -> None:
    """Each start is a process, and a Prefect server on SQLite takes one writer at a time."""
    starts = Counter(
        minute
        for deployment in build_deployments(deployteq=True)
        for each in deployment.schedules or []
        if isinstance(each.schedule, IntervalSchedule)
        for minute in range(24 * 60)
        if (timedelta(minutes=minute) - _minutes(each.schedule)) % each.schedule.interval == timedelta(0)
    )

    assert set(starts.values()) == {1}


def _minutes(schedule: IntervalSchedule) -> timedelta:
    return timedelta(hours=schedule.anchor_date.hour, minutes=schedule.anchor_date.minute)


def test_what_has_to_go_on_by_itself_has_a_schedule(deployments: dict[str, RunnerDeployment]) -> None:
    assert {name for name, deployment in deployments.items() if deployment.schedules} == {
        "full-sync",
        "incremental-pull",
        "contact-moment-export",
        "api-budget",
    }


def test_entrypoints_load(deployments: dict[str, RunnerDeployment]) -> None:
    for deployment in deployments.values():
        assert deployment.entrypoint is not None
        assert load_flow_from_entrypoint(deployment.entrypoint).name == deployment.flow_name


def test_form_starts_with_the_blocks_that_are_saved(deployments: dict[str, RunnerDeployment], tmp_path: Path) -> None:
    assert "database" not in deployments["full-sync"].parameters
    CustomerDatabase(url=f"sqlite:///{tmp_path}/customers.db").save("customers")

    database = build_deployments()[0].parameters["database"]

    with get_client(sync_client=True) as client:
        saved = client.read_block_document_by_name("customers", "customer-database")
        assert database == {"$ref": {"block_document_id": str(saved.id)}}
        client.delete_block_document(saved.id)


def test_form_explains_every_parameter_and_picks_blocks() -> None:
    deployteq = {name: getattr(import_module(f"flows.{name}"), name) for name in _DEPLOYTEQ_NAMES}
    for name, flow in (_FLOWS | deployteq).items():
        schema = parameter_schema(flow).model_dump()
        unexplained = [field for field, about in schema["properties"].items() if not about.get("description")]
        assert not unexplained, name
        pickers = {block.get("block_type_slug") for block in schema["definitions"].values()}
        taken = typing.get_type_hints(flow.fn).values()
        blocks = {kind for kind in BLOCK_TYPES if any(kind in typing.get_args(hint) for hint in taken)}
        assert blocks, name
        assert {kind.get_block_type_slug() for kind in blocks} <= pickers, name


@pytest.fixture
def applied(deployments: dict[str, RunnerDeployment]) -> Iterator[str]:
    """Apply the full sync's deployment, and remove it afterwards."""
    deployment_id = deployments["full-sync"].apply()
    yield str(deployment_id)
    with get_client(sync_client=True) as client:
        client.delete_deployment(deployment_id)  # type: ignore[arg-type]  # only in an event loop it would be a coroutine


def test_schedule_makes_runs(applied: str) -> None:
    """With SQLAlchemy 2.1, Prefect 3.8 accepts a schedule and never makes a run of it."""
    with get_client(sync_client=True) as client:
        client.request("POST", "/deployments/{id}/schedule", path_params={"id": applied}, json={"min_runs": 2})
        by_deployment = DeploymentFilter(id=DeploymentFilterId(any_=[applied]))
        runs = client.read_flow_runs(deployment_filter=by_deployment)

    assert len(runs) >= 2
    for run in runs:
        assert run.state_name == "Scheduled"
        assert run.expected_start_time is not None
        assert run.expected_start_time > datetime.now(UTC)


def test_registering_may_be_repeated(prefect_home: Path) -> None:
    register()

    assert register() == []
    with get_client(sync_client=True) as client:
        for kind in BLOCK_TYPES:
            assert client.read_block_type_by_slug(kind.get_block_type_slug()).name == kind.get_block_type_name()
        for name in LIMITS:
            assert client.read_global_concurrency_limit_by_name(name).slot_decay_per_second > 0
