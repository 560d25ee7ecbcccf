"""A full sync in a process of its own that kills itself, as a power cut would, at a stated moment."""

import os
import signal
from dataclasses import dataclass
from typing import Any

from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, PREFECT_HOME, temporary_settings
from sqlalchemy import Connection, Engine, event

from flows.full_sync import full_sync
from tasks.bulk_reads import SLEEP


@dataclass
class KillPoint:
    """The `nth` statement that begins so and has the parameter: die at it, or before or after its commit."""

    statement: str
    moment: str
    nth: int = 1
    parameter: str = ""


class _Killer:
    def __init__(self, point: KillPoint) -> None:
        self._point = point
        self._is_due = False
        event.listen(Engine, "before_cursor_execute", self._on_statement)
        event.listen(Engine, "commit", self._on_commit)
        event.listen(Engine, "checkin", self._on_checkin)

    def _on_statement(self, _c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> None:
        if not statement.startswith(self._point.statement) or self._point.parameter not in str(parameters):
            return
        self._point.nth -= 1
        if self._point.nth == 0:
            self._is_due = True
            self._die_at("statement")

    def _on_commit(self, _connection: Connection) -> None:
        self._die_at("before")

    def _on_checkin(self, _connection: Any, _record: Any) -> None:
        """A connection comes back when its transaction is committed."""
        self._die_at("after")

    def _die_at(self, moment: str) -> None:
        if self._is_due and self._point.moment == moment:
            os.kill(os.getpid(), signal.SIGKILL)


def run_and_die(api_url: str, home: str, point: KillPoint, parameters: dict[str, Any]) -> None:
    """Run full_sync against the Prefect server at `api_url`; ends with SIGKILL, or without if `point` never came."""
    _Killer(point)
    SLEEP.set(lambda seconds: None)
    settings = {PREFECT_API_URL: api_url, PREFECT_HOME: home, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    with temporary_settings(settings):
        full_sync(**parameters)
