"""A full sync in a process of its own that kills itself, as a power cut would, at a stated moment.

`python -m tests.flows.killed_run`, with the blocks' names, a statement, its number and the moment as JSON on standard
input: at the `nth` statement to the customer database that begins with `statement` and has `parameter` among its
parameters, or `before` or `after` the commit of its transaction.
"""

import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from typing import Any

from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from sqlalchemy import Connection, Engine, event

from flows.full_sync import full_sync
from tasks.bulk_reads import SLEEP


@dataclass
class KillPoint:
    """The moment at which the process dies; `moment` is statement, before or after."""

    statement: str
    moment: str
    nth: int = 1
    parameter: str = ""

    def as_json(self) -> str:
        """Return it for the process."""
        return json.dumps(asdict(self))


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


if __name__ == "__main__":
    order = json.load(sys.stdin)
    killer = _Killer(KillPoint(**order.pop("point")))
    SLEEP.set(lambda seconds: None)
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        full_sync(**order)
