"""Deployments into a work pool: what is made, that it may be repeated, and that it says what it did."""

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.responses import DeploymentResponse
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.workers.process import ProcessWorker

from crm_sync.errors import ConfigurationError
from deployments.automations import build_automations
from deployments.definitions import build_deployments
from deployments.deploy import deploy
from deployments.version import VERSION, git_version
from tasks.run.throttle import LIMITS

_PROJECT = Path(__file__).parents[2]
SYNC, PULL, PUSH = "full_sync/full-sync", "incremental_pull/incremental-pull", "campaign_push/campaign-push"


@pytest.fixture
def pool(prefect_home: Path) -> Iterator[str]:
    """Give the name of a work pool that is not there yet, on a server without deployments."""
    with get_client(sync_client=True) as client:
        yield f"pool-{uuid4().hex[:8]}"
        for found in client.read_deployments():
            client.delete_deployment(found.id)


@dataclass
class Deployed:
    """A pool that was deployed into four times: into nothing, again, after somebody's changes, and once more."""

    pool: str
    lines: list[list[str]] = field(default_factory=list)
    found: list[dict[str, DeploymentResponse]] = field(default_factory=list)
    base_job_template: dict[str, Any] = field(default_factory=dict)

    def deploy(self, client: SyncPrefectClient) -> None:
        """Deploy, and keep what was said and what is there."""
        self.lines.append(list(deploy(self.pool)))
        names = [wanted.full_name for wanted in build_deployments()]
        self.found.append({name: client.read_deployment_by_name(name) for name in names})


@pytest.fixture(scope="module")
def deployed(prefect_home: Path) -> Iterator[Deployed]:
    """Deploy four times; schedules are made as the form saves them in its JSON mode, one with a renamed parameter."""
    made = Deployed(f"pool-{uuid4().hex[:8]}")
    with get_client(sync_client=True) as client, pytest.MonkeyPatch.context() as environment:
        environment.setenv(VERSION, "v1.2-3-gabcdef")
        made.deploy(client)
        made.base_job_template = client.read_work_pool(made.pool).base_job_template
        made.deploy(client)
        synced, pulled, pushed = (made.found[1][name] for name in (SYNC, PULL, PUSH))
        path, body = {"id": synced.id}, {"tags": ["mine"], "concurrency_limit": 9}
        client.request("PATCH", "/deployments/{id}", path_params=path, json=body)
        client.update_deployment_schedule(pulled.id, pulled.schedules[0].id, active=False)
        wrapped = {"__prefect_kind": "json", "value": '["Contact"]'}
        for one, given in ((synced, {"objects": wrapped, "segment": "gold"}), (pushed, {"campaign": "spring"})):
            schedules = [{"schedule": {"cron": "0 1 * * *"}, "active": True, "parameters": given}]
            client.request("POST", "/deployments/{id}/schedules", path_params={"id": one.id}, json=schedules)
        made.deploy(client)
        made.deploy(client)
        yield made
        for found in client.read_deployments():
            client.delete_deployment(found.id)


def test_everything_is_made_in_a_pool_that_is_missing(deployed: Deployed) -> None:
    said = deployed.lines[0]
    assert said[0] == f"work pool {deployed.pool}: made, of type process"
    assert deployed.base_job_template == ProcessWorker.get_default_base_job_template()
    for wanted in build_deployments():
        assert f"deployment {wanted.full_name}: made" in said
        made = deployed.found[0][wanted.full_name]
        assert (made.work_pool_name, made.version) == (deployed.pool, "v1.2-3-gabcdef")
        assert (made.entrypoint, made.description) == (wanted.entrypoint, wanted.description)
        assert (set(made.tags), made.parameters) == (set(wanted.tags), wanted.parameters)
        assert (made.global_concurrency_limit and made.global_concurrency_limit.limit) == wanted.concurrency_limit
        assert made.concurrency_options == wanted.concurrency_options
        assert len(made.schedules) == len(wanted.schedules or [])
    with get_client(sync_client=True) as client:
        for name in LIMITS:
            assert client.read_global_concurrency_limit_by_name(name).active
        for automation in build_automations():
            assert client.read_automations_by_name(automation.name)


def test_repeating_it_changes_nothing(deployed: Deployed) -> None:
    assert {line.rpartition(": ")[2] for line in deployed.lines[1]} == {"is there, of type process", "unchanged"}


def test_what_somebody_changed_is_put_right_and_said(deployed: Deployed) -> None:
    assert f"deployment {SYNC}: changed" in deployed.lines[2]
    found, corrected = deployed.found[0][SYNC], deployed.found[2][SYNC]
    assert corrected.id == found.id
    assert corrected.tags == ["salesforce"]
    assert corrected.global_concurrency_limit
    assert corrected.global_concurrency_limit.limit == 1


def test_schedule_that_somebody_switched_off_stays_off(deployed: Deployed) -> None:
    assert f"deployment {PULL}: unchanged" in deployed.lines[2]
    assert [schedule.active for schedule in deployed.found[2][PULL].schedules] == [False]
    assert [schedule.active for schedule in deployed.found[1][SYNC].schedules] == [True]


def test_schedule_that_somebody_made_stays_and_its_parameters_are_mended(deployed: Deployed) -> None:
    assert "A schedule of full-sync gave segment, which the flow does not have; left out." in deployed.lines[2]
    synced, pushed = (deployed.found[2][name].schedules for name in (SYNC, PUSH))
    assert sorted(map(str, (one.parameters for one in synced))) == ["{'objects': ['Contact']}", "{}"]
    assert [one.parameters for one in pushed] == [{"campaign": "spring"}]
    assert not [
        line for line in deployed.lines[3] if "left out" in line or "changed" in line.split(": ")[-1].split()[:1]
    ]


def test_image_and_folder_reach_the_containers(pool: str) -> None:
    with get_client(sync_client=True) as client:
        template = ProcessWorker.get_default_base_job_template()
        template["variables"]["properties"]["image"] = {"type": "string"}
        client.request("POST", "/work_pools/", json={"name": pool, "type": "docker", "base_job_template": template})

        list(deploy(pool, image="registry.example/deployteq:1", folder="/opt/deployteq"))

        made = client.read_deployment_by_name(SYNC)
    assert made.job_variables == {"image": "registry.example/deployteq:1"}
    assert made.pull_steps == [{"prefect.deployments.steps.set_working_directory": {"directory": "/opt/deployteq"}}]


def test_image_is_refused_where_nothing_would_start_it(pool: str) -> None:
    with pytest.raises(ConfigurationError, match="starts no containers"):
        list(deploy(pool, image="registry.example/deployteq:1"))


def test_unknown_type_of_pool_says_what_to_install(pool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_kind: str) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr("deployments.deploy.get_default_base_job_template_for_infrastructure_type", nothing)

    with pytest.raises(ConfigurationError, match="prefect-kubernetes"):
        list(deploy(pool, kind="kubernetes"))


def test_server_must_be_named() -> None:
    with temporary_settings(restore_defaults={PREFECT_API_URL}), pytest.raises(ConfigurationError, match="API_URL"):
        list(deploy("nowhere"))


def test_version_is_the_commit_of_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VERSION, raising=False)
    if not (_PROJECT / ".git").exists():
        pytest.skip("this is no checkout")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=_PROJECT, capture_output=True, text=True, check=True)  # noqa: S607  # whichever git there is

    version = git_version()

    assert version is not None
    assert commit.stdout.strip()[:12] in version or version.startswith("v")
