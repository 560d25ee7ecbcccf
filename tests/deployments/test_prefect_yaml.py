"""prefect.yaml says what the Python definitions say, and Prefect takes it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.settings import PREFECT_API_URL
from prefect.workers.process import ProcessWorker

from deployments.definitions import build_deployments
from deployments.deploy import deploy
from deployments.prefect_yaml import POOL, prefect_yaml

_PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(prefect_home: Path) -> dict[str, RunnerDeployment]:
    """Return the deployments of the definitions by name."""
    return {deployment.name: deployment for deployment in build_deployments()}


@pytest.fixture(scope="module")
def written() -> dict[str, dict[str, Any]]:
    """Return the deployments of prefect.yaml by name."""
    content = yaml.safe_load((_PROJECT / "prefect.yaml").read_text())
    return {entry["name"]: entry for entry in content["deployments"]}


def test_names_entrypoints_tags_and_descriptions_agree(
    built: dict[str, RunnerDeployment], written: dict[str, dict[str, Any]]
) -> None:
    assert {name: (entry["entrypoint"], entry["tags"], entry["description"]) for name, entry in written.items()} == {
        name: (deployment.entrypoint, deployment.tags, deployment.description) for name, deployment in built.items()
    }, "write it anew: python -m deployments.prefect_yaml > prefect.yaml"


def test_schedules_agree(built: dict[str, RunnerDeployment], written: dict[str, dict[str, Any]]) -> None:
    for name, deployment in built.items():
        wanted = [each.schedule for each in deployment.schedules or []]
        assert [_in_words(each) for each in written[name]["schedules"]] == [
            (
                getattr(each, "cron", None),
                _seconds(each),
                getattr(each, "timezone", None) if hasattr(each, "cron") else None,
            )
            for each in wanted
        ], name


def test_concurrency_agrees(built: dict[str, RunnerDeployment], written: dict[str, dict[str, Any]]) -> None:
    for name, deployment in built.items():
        limit = written[name].get("concurrency_limit", {})
        assert limit.get("limit") == deployment.concurrency_limit, name
        if deployment.concurrency_options:
            assert limit["collision_strategy"] == deployment.concurrency_options.collision_strategy, name


def test_file_is_as_it_is_written(prefect_home: Path) -> None:
    assert (_PROJECT / "prefect.yaml").read_text() == prefect_yaml(), (
        "write it anew: python -m deployments.prefect_yaml > prefect.yaml"
    )


def test_prefect_deploy_makes_what_make_deploy_makes(prefect_home: Path, tmp_path: Path) -> None:
    with get_client(sync_client=True) as client:
        for found in client.read_deployments():
            client.delete_deployment(found.id)
        if not any(found.name == POOL for found in client.read_work_pools()):
            template = ProcessWorker.get_default_base_job_template()
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))

        _prefect_deploy(tmp_path)
        made = client.read_deployments()
        by_prefect = {found.name: _content(found) for found in made}
        list(deploy(POOL))
        by_us = {found.name: _content(found) for found in client.read_deployments()}

        for found in made:
            client.delete_deployment(found.id)

    assert by_prefect == by_us
    assert all(re.fullmatch(r"\S+", str(found.version)) for found in made)


def _prefect_deploy(home: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    environment |= {"PREFECT_HOME": str(home), "PREFECT_API_URL": str(PREFECT_API_URL.value())}
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    ended = subprocess.run(command, cwd=_PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def _content(found: DeploymentResponse) -> dict[str, Any]:
    wanted = {"description", "tags", "parameters", "entrypoint", "work_pool_name", "concurrency_options"}
    content = found.model_dump(mode="json", include=wanted)
    content["limit"] = found.global_concurrency_limit.limit if found.global_concurrency_limit else None
    content["schedules"] = [(getattr(each.schedule, "cron", None), _seconds(each.schedule)) for each in found.schedules]
    return content


def _seconds(schedule: Any) -> float | None:
    return schedule.interval.total_seconds() if hasattr(schedule, "interval") else None


def _in_words(entry: dict[str, Any]) -> tuple[Any, Any, Any]:
    return entry.get("cron"), entry.get("interval"), entry.get("timezone")
