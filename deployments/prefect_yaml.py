"""`python -m deployments.prefect_yaml > prefect.yaml`: the same deployments, for those who use `prefect deploy`."""

import sys
from typing import Any

import yaml
from prefect.client.schemas.objects import ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.deployments.runner import RunnerDeployment

from deployments.definitions import build_deployments

POOL = "deployteq"
_HEAD = """\
# Made by `python -m deployments.prefect_yaml > prefect.yaml` from deployments/definitions.py; change it there.
# `prefect deploy --all` makes the deployments; `make deploy` also makes the work pool, block types, limits and alerts.
"""
# Filled in on the worker's machine, at each run.
_PULL = [{"prefect.deployments.steps.set_working_directory": {"directory": "{{ $DEPLOYTEQ_FOLDER }}"}}]
_BUILD = [
    {
        "prefect.deployments.steps.run_shell_script": {
            "id": "version",
            "script": "git describe --always --dirty --abbrev=12",
            "stream_output": False,
        }
    }
]


def prefect_yaml() -> str:
    """Return the content of prefect.yaml, with blocks by their names."""
    content = {
        "name": "deployteq-salesforce",
        "build": _BUILD,
        "pull": _PULL,
        "deployments": [_entry(deployment) for deployment in build_deployments()],
    }
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    return _HEAD + text


def _entry(deployment: RunnerDeployment) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": deployment.name,
        "description": deployment.description,
        "version": "{{ version.stdout }}",
        "tags": list(deployment.tags),
        "entrypoint": deployment.entrypoint,
        "parameters": _named(deployment),
        "work_pool": {"name": POOL},
        "schedules": [_schedule(each.schedule) for each in deployment.schedules or []],
    }
    if deployment.concurrency_limit is not None:
        entry["concurrency_limit"] = {"limit": deployment.concurrency_limit}
        if deployment.concurrency_options:
            strategy = ConcurrencyLimitStrategy(deployment.concurrency_options.collision_strategy)
            entry["concurrency_limit"]["collision_strategy"] = strategy.value
    return entry


def _named(deployment: RunnerDeployment) -> dict[str, Any]:
    """Return the parameters; a saved block is an id on one server, and here the name that the flow expects."""
    properties = deployment._parameter_openapi_schema.properties
    return {
        name: properties[name]["default"] if isinstance(value, dict) and "$ref" in value else value
        for name, value in deployment.parameters.items()
    }


def _schedule(schedule: Any) -> dict[str, Any]:
    if isinstance(schedule, CronSchedule):
        return {"cron": schedule.cron, "timezone": schedule.timezone}
    if isinstance(schedule, IntervalSchedule):
        return {"interval": int(schedule.interval.total_seconds()), "anchor_date": schedule.anchor_date.isoformat()}
    raise NotImplementedError(f"prefect.yaml has no form for a {type(schedule).__name__} yet; add it here.")


if __name__ == "__main__":
    sys.stdout.write(prefect_yaml())
