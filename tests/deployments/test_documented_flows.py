"""The tables of flows, blocks and alerts say what is deployed."""

import inspect
import re
from datetime import timedelta
from pathlib import Path

from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.flows import load_flow_from_entrypoint

from deployments.automations import build_automations
from deployments.definitions import build_deployments
from deployments.register import BLOCK_TYPES

_ROOT = Path(__file__).parents[2]
_DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_AT_ONCE = {
    None: "no limit",
    "ENQUEUE": "one at a time; the next one waits its turn",
    "CANCEL_NEW": "one at a time; one that meets another ends as Cancelled",
}


def _runs(deployment: RunnerDeployment) -> str:
    match [each.schedule for each in deployment.schedules or []]:
        case []:
            return "when a person or a program starts it"
        case [IntervalSchedule(interval=interval)]:
            return f"every {interval // timedelta(minutes=1)} minutes"
        case [CronSchedule(cron=cron, timezone=zone)]:
            minute, hour, _, _, day = cron.split()
            days = "every day" if day == "*" else _DAYS[int(day) - 1]
            return f"{days} at {hour:0>2}:{minute:0>2}, {zone}"
        case other:
            raise AssertionError(f"no words for the schedules {other}")


def _rows(deployment: RunnerDeployment) -> list[str]:
    strategy = deployment.concurrency_options.collision_strategy if deployment.concurrency_options else None
    flow: Flow[..., object] = load_flow_from_entrypoint(deployment.entrypoint or "")
    return [
        f"| runs | {_runs(deployment)} |",
        f"| two at once | {_AT_ONCE[strategy and str(strategy.value)]} |",
        f"| form | {', '.join(inspect.signature(flow.fn).parameters)} |",
    ]


def test_page_of_the_flows_says_how_each_is_deployed(prefect_home: Path) -> None:
    page = (_ROOT / "flows" / "README.md").read_text()
    sections = dict(re.findall(r"^## ([a-z]\w+)\n(.*?)(?=^## |\Z)", page, flags=re.M | re.S))
    deployments = {deployment.flow_name: deployment for deployment in build_deployments(deployteq=True)}

    assert set(sections) == set(deployments)
    for flow, deployment in deployments.items():
        rows = _rows(deployment)
        told = [line for line in sections[flow].splitlines() if re.match(r"\| (runs|two at once|form) \|", line)]
        assert told == rows, f"{flow}: it should say\n" + "\n".join(rows)


def test_operator_finds_every_alert() -> None:
    page = (_ROOT / "deployments" / "OPERATIONS.md").read_text().partition("## What to do at each alert")[2]
    rows = re.findall(r"^\| (.*?) \|", page, flags=re.MULTILINE)
    names = [automation.name.partition(": ")[2] for automation in build_automations()]

    assert sorted(set(rows) - {"alert", "automation", "---"}) == sorted(names)


def test_every_block_is_on_the_page() -> None:
    rows = re.findall(r"^\| (.*?) \|", (_ROOT / "blocks" / "README.md").read_text(), flags=re.MULTILINE)

    assert sorted(set(rows) - {"block", "---"}) == sorted(kind.get_block_type_name() for kind in BLOCK_TYPES)
