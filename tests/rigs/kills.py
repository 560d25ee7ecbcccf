"""A flow in a process of its own that kills itself, as a power cut would, at a stated moment."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)
from sqlalchemy import Connection, Engine, event


@dataclass
class KillPoint:
    """The `nth` statement that begins so and has the parameter: die at it, or before or after its commit."""

    statement: str
    moment: str
    nth: int = 1
    parameter: str = ""


class KilledError(BaseException):
    """Stands for a process that ends."""


class _Killer:
    def __init__(self, point: KillPoint, die: Callable[[], None], spares: Callable[[], bool] = lambda: False) -> None:
        self._point, self._nth, self._die, self._spares, self._is_due = point, point.nth, die, spares, False
        self._listeners: dict[str, Callable[..., None]] = {
            "before_cursor_execute": self._on_statement,
            "commit": self._on_commit,
            "checkin": self._on_checkin,
        }
        for name, listener in self._listeners.items():
            event.listen(Engine, name, listener)

    def remove(self) -> None:
        """Stop looking for the moment."""
        for name, listener in self._listeners.items():
            event.remove(Engine, name, listener)

    def _on_statement(self, _c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> None:
        is_meant = statement.startswith(self._point.statement) and self._point.parameter in str(parameters)
        if not is_meant or self._spares():
            return
        self._nth -= 1
        if self._nth == 0:
            self._is_due = True
            self._die_at("statement")

    def _on_commit(self, _connection: Connection) -> None:
        self._die_at("before")

    def _on_checkin(self, _connection: Any, _record: Any) -> None:
        """A connection comes back when its transaction is committed."""
        self._die_at("after")

    def _die_at(self, moment: str) -> None:
        if self._is_due and self._point.moment == moment and not self._spares():
            self._is_due = False
            self._die()


def _kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def killed_at(point: KillPoint, spares: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Raise KilledError at a statement, or before its commit: what was done in that transaction is undone.

    `spares`: whether a statement is of another program, which goes on.
    """

    def die() -> None:
        raise KilledError

    killer = _Killer(point, die, spares)
    try:
        yield
    finally:
        killer.remove()


def run_and_die(api_url: str, home: str, point: KillPoint, parameters: dict[str, Any], flow: str) -> None:
    """Run `flow` against the Prefect server at `api_url`; ends with SIGKILL, or without if `point` never came."""
    _Killer(point, _kill_this_process)
    settings = {
        PREFECT_API_URL: api_url,
        PREFECT_HOME: home,
        # As in tests/rigs/prefect_server.py.
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False,
        PREFECT_LOGGING_TO_API_ENABLED: False,
    }
    with temporary_settings(settings):
        getattr(import_module(f"flows.{flow}"), flow)(**parameters)


def prepared_processes(flow: str) -> ForkServerContext:
    """Return a source of processes that have imported the flow and Prefect already, which is most of their time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.rigs.kills", f"flows.{flow}"])
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        first = context.Process()
        first.start()
        first.join()
    return context
