"""`python -m deployments.deploy`: every deployment into a work pool of the server that PREFECT_API_URL names."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.runner.storage import LocalStorage
from prefect.settings import PREFECT_API_URL
from prefect.workers.utilities import get_default_base_job_template_for_infrastructure_type

from blocks.api_budget import load_budget
from crm_sync.errors import ConfigurationError
from deployments.automations import apply_automations
from deployments.definitions import build_deployments
from deployments.env_file import save_own_blocks
from deployments.kept_schedules import keep_schedules
from deployments.register import register
from deployments.version import git_version
from deployments.way_in import server_in_a_sentence

# Where the flows are on the machine or in the container in which they run.
FOLDER = "DEPLOYTEQ_FOLDER"
# The content of a deployment; its other fields are ids and times that the server sets.
_CONTENT = {
    "version", "description", "tags", "parameters", "entrypoint", "pull_steps", "work_pool_name", "job_variables",
    "global_concurrency_limit", "concurrency_options", "parameter_openapi_schema",
}  # fmt: skip


def main() -> None:
    """Apply everything and print what was made, changed or left unchanged."""
    options = _parser().parse_args()
    try:
        with server_in_a_sentence():
            for line in deploy(options.pool, options.type, options.folder, options.image):
                sys.stdout.write(f"{line}\n")
            if lets_everybody_in(PREFECT_API_URL.value()):
                sys.stdout.write(
                    "Careful: this server shows every password to whoever calls it; see deployments/README.md.\n"
                )
    except ConfigurationError as problem:
        raise SystemExit(str(problem)) from None


def deploy(pool: str, kind: str = "process", folder: str = "", image: str = "") -> Iterator[str]:
    """Bring work pool, block types, limits, automations and deployments to the state of the code, a line for each.

    May be repeated. `folder`: where the flows are on the workers' machines, or in `image`; by default here.
    Raises ConfigurationError when no server is named, or the pool cannot be made or takes no image.
    """
    if not PREFECT_API_URL.value():
        raise ConfigurationError("PREFECT_API_URL is not set; set it to the API address of your Prefect server.")
    with get_client(sync_client=True) as client:
        yield f"work pool {pool}: {_make_pool(client, pool, kind)}"
        _check_image(client, pool, image)
        for name in apply_automations(load_budget().notify):
            yield f"automation {name!r}: made or changed"
        for name in register():
            yield f"concurrency limit {name}: made"
        yield from save_own_blocks(replace=False)
        for deployment in build_deployments(git_version()):
            yield from keep_schedules(client, deployment)
            # Its only use here: the step that goes into the folder before a run begins.
            deployment.storage = LocalStorage(path=folder or os.environ.get(FOLDER) or str(Path.cwd()))
            yield f"deployment {deployment.full_name}: {_apply(client, deployment, pool, image)}"


def lets_everybody_in(api_url: str) -> bool:
    """Ask for the blocks as a stranger would, a page of another site for example."""
    return httpx.post(f"{api_url}/block_documents/count", json={}, timeout=30).is_success


def _make_pool(client: SyncPrefectClient, name: str, kind: str) -> str:
    try:
        found = client.read_work_pool(name)
    except ObjectNotFound:
        template = asyncio.run(get_default_base_job_template_for_infrastructure_type(kind))
        if template is None:
            raise ConfigurationError(
                f"Prefect knows no work pools of type {kind!r}; install what adds them, such as prefect-docker or "
                f"prefect-kubernetes, or make the pool {name} in the Prefect UI first."
            ) from None
        client.create_work_pool(WorkPoolCreate(name=name, type=kind, base_job_template=template))
        return f"made, of type {kind}"
    return f"is there, of type {found.type}"


def _check_image(client: SyncPrefectClient, pool: str, image: str) -> None:
    variables = client.read_work_pool(pool).base_job_template.get("variables", {}).get("properties", {})
    if image and "image" not in variables:
        raise ConfigurationError(f"The work pool {pool} starts no containers; leave out --image, or name another pool.")


def _apply(client: SyncPrefectClient, deployment: RunnerDeployment, pool: str, image: str) -> str:
    before = _read(client, deployment)
    deployment.apply(work_pool_name=pool, image=image or None)
    after = _read(client, deployment)
    if before is None or after is None:
        return "made"
    return "unchanged" if _content(before) == _content(after) else "changed"


def _read(client: SyncPrefectClient, deployment: RunnerDeployment) -> DeploymentResponse | None:
    try:
        return client.read_deployment_by_name(deployment.full_name)
    except ObjectNotFound:
        return None


def _content(deployment: DeploymentResponse) -> dict[str, Any]:
    content = deployment.model_dump(mode="json", include=_CONTENT)
    limit = deployment.global_concurrency_limit
    schedules = [each.model_dump(mode="json", include={"schedule", "active"}) for each in deployment.schedules]
    return content | {"global_concurrency_limit": limit.limit if limit else None, "schedules": schedules}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments.deploy", description=__doc__)
    parser.add_argument("--pool", required=True, help="work pool, made when it is missing")
    parser.add_argument("--type", default="process", help="of a pool that is missing: process, docker, kubernetes")
    parser.add_argument("--folder", default="", help="where the flows are on the workers' machines or in the image")
    parser.add_argument("--image", default="", help="for pools of containers: the image that holds the flows")
    return parser


if __name__ == "__main__":
    main()
