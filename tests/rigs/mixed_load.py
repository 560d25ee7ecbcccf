"""Flows in processes of their own, one hour after the other, without waiting for the hours."""

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, PREFECT_HOME, temporary_settings
from sqlalchemy import create_engine, select, update

from crm_sync.database.engine import parse_url
from crm_sync.database.tables.budget import breaker, org_use
from crm_sync.database.tables.customers import request_ledger
from tests.rigs.org import Rig

_FLOWS = ("full_sync", "incremental_pull", "contact_moment_export", "campaign_push")


@dataclass(frozen=True)
class Job:
    """A flow to run, with its parameters."""

    flow: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Ending:
    """The name of a flow's final state, and its sentence."""

    flow: str
    state: str
    sentence: str


class Processes:
    """Processes that have imported all flows already, which is most of their time."""

    def __init__(self) -> None:
        """Start the one from which the others are copied."""
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.rigs.mixed_load", *(f"flows.{flow}" for flow in _FLOWS)])
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
            first = self._context.Process()
            first.start()
            first.join()

    def run(self, home: Path, work: Sequence[Sequence[Job]]) -> list[Ending]:
        """Run each list of jobs in a process of its own, all at once; return how they ended."""
        running = []
        for jobs in work:
            here, there = self._context.Pipe()
            process = self._context.Process(target=_do, args=(PREFECT_API_URL.value(), str(home), jobs, there))
            process.start()
            running.append((process, here))
        ended: list[Ending] = [ending for _, here in running for ending in here.recv()]
        for process, _ in running:
            process.join()
        return ended


def _do(api_url: str, home: str, jobs: Sequence[Job], answer: Connection) -> None:
    settings = {PREFECT_API_URL: api_url, PREFECT_HOME: home, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    with temporary_settings(settings):
        answer.send([_ending(job) for job in jobs])


def _ending(job: Job) -> Ending:
    flow = getattr(import_module(f"flows.{job.flow}"), job.flow)
    state = flow(**job.parameters, return_state=True)
    return Ending(job.flow, str(state.name), str(state.message))


def let_hours_pass(rig: Rig, hours: float) -> None:
    """Let time pass in the org, and for the ledger, whose clock is this machine's."""
    ago = timedelta(hours=hours)
    rig.clock.move(hours=hours)
    engine = create_engine(parse_url(rig.customers.url.get_secret_value()))
    with engine.begin() as connection:
        for table, column in ((request_ledger, "at"), (org_use, "seen_at"), (breaker, "until")):
            key = next(iter(table.primary_key))
            for row in connection.execute(select(key, table.c[column])).all():
                connection.execute(update(table).where(key == row[0]).values({column: row[1] - ago}))
    engine.dispose()
