"""Writes of a transaction that is still open: stamped when they are made, seen when they are committed."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from standins.salesforce.org.records import Records

_CALLS = ("insert", "update", "delete", "undelete", "merge", "convert")


class Pending:
    """Holds calls to the records back until `commit`, when they show with the stamps of when they were made.

    So a query in between sees nothing of them, and one after it finds records that are older than what it has
    seen before.
    """

    def __init__(self, records: Records, clock: Callable[[], datetime]) -> None:
        """Start without a call."""
        self._records = records
        self._clock = clock
        self._calls: list[tuple[str, tuple[Any, ...], datetime]] = []

    def call(self, name: str, *arguments: Any) -> None:
        """Make a call of the records, such as `insert`, as of now; raise ValueError for an unknown one."""
        if name not in _CALLS:
            raise ValueError(f"no such call: {name}")
        self._calls.append((name, arguments, self._clock()))

    def commit(self) -> list[Any]:
        """Let everything be seen, and return what the calls return; on an error nothing of it is."""
        with self._records.transaction():
            done = [getattr(self._records, name)(*arguments, at=at) for name, arguments, at in self._calls]
        self._calls.clear()
        return done
