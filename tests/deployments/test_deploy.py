"""Deployments into a work pool: what is made, that it may be repeated, and that it says what it did."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.workers.process import ProcessWorker

from crm_sync.errors import ConfigurationError
from deployments.automations import build_automations
from deployments.definitions import build_deployments
from deployments.deploy import deploy
from deployments.version import VERSION, git_version
from tasks.run.throttle import LIMITS

_PROJECT = Path(__file__).parents[2]


@pytest.fixture
def pool(prefect_home: Path) -> Iterator[str]:
    """Give the name of a work pool that is not there yet, on a server without deployments."""
    with get_client(sync_client=True) as client:
        yield f"pool-{uuid4().hex[:8]}"
        for found in client.read_deployments():
            client.delete_deployment(found.id)


def test_everything_is_made_in_a_pool_that_is_missing(pool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VERSION, "v1.2-3-gabcdef")

    said = list(deploy(pool))

    assert said[0] == f"work pool {pool}: made, of type process"
    with get_client(sync_client=True) as client:
        made_pool = client.read_work_pool(pool)
        assert made_pool.base_job_template == ProcessWorker.get_default_base_job_template()
        for wanted in build_deployments():
            assert f"deployment {wanted.full_name}: made" in said
            made = client.read_deployment_by_name(wanted.full_name)
            assert (made.work_pool_name, made.version) == (pool, "v1.2-3-gabcdef")
            assert (made.entrypoint, made.description) == (wanted.entrypoint, wanted.description)
            assert (set(made.tags), made.parameters) == (set(wanted.tags), wanted.parameters)
            assert (made.global_concurrency_limit and made.global_concurrency_limit.limit) == wanted.concurrency_limit
            assert made.concurrency_options == wanted.concurrency_options
            assert len(made.schedules) == len(wanted.schedules or [])
        for name in LIMITS:
            assert client.read_global_concurrency_limit_by_name(name).active
        for automation in build_automations():
            assert client.read_automations_by_name(automation.name)


def test_repeating_it_changes_nothing(pool: str) -> None:
    list(deploy(pool))

    assert {line.rpartition(": ")[2] for line in deploy(pool)} == {"is there, of type process", "unchanged"}


def test_what_somebody_changed_is_put_right_and_said(pool: str) -> None:
    list(deploy(pool))
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name("full_sync/full-sync")
        client.request(
            "PATCH", "/deployments/{id}", path_params={"id": found.id}, json={"tags": ["mine"], "concurrency_limit": 9}
        )

        assert "deployment full_sync/full-sync: changed" in list(deploy(pool))

        corrected = client.read_deployment_by_name("full_sync/full-sync")
    assert corrected.id == found.id
    assert corrected.tags == ["salesforce"]
    assert corrected.global_concurrency_limit
    assert corrected.global_concurrency_limit.limit == 1


def test_schedule_that_somebody_switched_off_stays_off(pool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VERSION, "v1")
    list(deploy(pool))
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name("incremental_pull/incremental-pull")
        client.update_deployment_schedule(found.id, found.schedules[0].id, active=False)

        assert "deployment incremental_pull/incremental-pull: unchanged" in list(deploy(pool))

        after = client.read_deployment_by_name("incremental_pull/incremental-pull").schedules
        others = client.read_deployment_by_name("full_sync/full-sync").schedules
    assert [schedule.active for schedule in after] == [False]
    assert [schedule.active for schedule in others] == [True]


def test_schedule_that_somebody_made_stays_and_its_parameters_are_mended(
    pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the form saves it in its JSON mode, and with a parameter that was renamed since."""
    monkeypatch.setenv(VERSION, "v1")
    list(deploy(pool))
    wrapped = {"__prefect_kind": "json", "value": '["Contact"]'}
    with get_client(sync_client=True) as client:
        for name, given in (
            ("full_sync/full-sync", {"objects": wrapped, "segment": "gold"}),
            ("campaign_push/campaign-push", {"campaign": "spring"}),
        ):
            found = client.read_deployment_by_name(name)
            body = [{"schedule": {"cron": "0 1 * * *"}, "active": True, "parameters": given}]
            path = {"id": found.id}
            client.request("POST", "/deployments/{id}/schedules", path_params=path, json=body)

        lines = list(deploy(pool))

        assert "A schedule of full-sync gave segment, which the flow does not have; left out." in lines
        synced = client.read_deployment_by_name("full_sync/full-sync").schedules
        pushed = client.read_deployment_by_name("campaign_push/campaign-push").schedules
        assert sorted(map(str, (one.parameters for one in synced))) == ["{'objects': ['Contact']}", "{}"]
        assert [one.parameters for one in pushed] == [{"campaign": "spring"}]
        assert not [
            line for line in deploy(pool) if "left out" in line or "changed" in line.split(": ")[-1].split()[:1]
        ]


def test_runs_begin_in_the_folder_that_was_named(pool: str) -> None:
    list(deploy(pool, folder="/opt/deployteq"))

    with get_client(sync_client=True) as client:
        steps = client.read_deployment_by_name("full_sync/full-sync").pull_steps
    assert steps == [{"prefect.deployments.steps.set_working_directory": {"directory": "/opt/deployteq"}}]


def test_image_reaches_the_containers(pool: str) -> None:
    with get_client(sync_client=True) as client:
        template = ProcessWorker.get_default_base_job_template()
        template["variables"]["properties"]["image"] = {"type": "string"}
        client.request("POST", "/work_pools/", json={"name": pool, "type": "docker", "base_job_template": template})

        list(deploy(pool, image="registry.example/deployteq:1"))

        made = client.read_deployment_by_name("full_sync/full-sync")
    assert made.job_variables == {"image": "registry.example/deployteq:1"}


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
