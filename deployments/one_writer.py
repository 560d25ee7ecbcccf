"""Prefect's database on SQLite with one writer at a time, so that "database is locked" has no way to come about.

SQLite takes one writer. Prefect opens its transactions as readers and lets them turn into writers: of two that do so at
once, SQLite ends one on the spot, whatever the timeout says. The others wait in threads that hold their connection; and
when Python collects a cursor of such a connection in the thread of the event loop, the loop waits for it too, and with
the loop the writer that everybody waits for: all stands still until SQLite gives up, after a minute. Here writers stand
in a queue of the event loop, where waiting holds nothing.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, AsyncSessionTransaction
from sqlalchemy.util import await_only

_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
_HAS_TURN = "has_turn"
# Whoever holds the turn for so long waits for one who waits for it, which SQLite has to sort out.
_LONGEST_WAIT = 30.0


def _commit_each_statement(connection: Any, *_rest: Any) -> None:
    """Outside of transactions a statement ends as it is done, as Prefect sets it when a connection is opened.

    A migration of Prefect's that leaves its transaction for a while gives its connection back with Python's own way:
    the first statement that writes begins a transaction. The recorder of events then keeps all others from writing
    while it waits for its next turn, and whoever has the turn waits for it.
    """
    if connection.isolation_level is not None:
        connection.isolation_level = None


class _Turn:
    """A lock that its holder may take again: a transaction that opens another session in the same task."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._holder: asyncio.Task[Any] | None = None

    async def take(self) -> bool:
        """Wait for the turn, and return whether it has to be given back."""
        if self._holder is not None and self._holder is asyncio.current_task():
            return False
        try:
            await asyncio.wait_for(self._lock.acquire(), _LONGEST_WAIT)
        except TimeoutError:
            return False
        self._holder = asyncio.current_task()
        return True

    def give_back(self) -> None:
        self._holder = None
        self._lock.release()


class OneWriter(AioSqliteConfiguration):
    """Prefect's configuration of SQLite; transactions and single statements that write wait for their turn."""

    def __init__(self, connection_url: str, **settings: Any) -> None:
        """Configure the database at `connection_url`."""
        super().__init__(connection_url, **settings)
        self._turns: dict[asyncio.AbstractEventLoop, _Turn] = {}

    def _turn(self) -> _Turn:
        return self._turns.setdefault(asyncio.get_running_loop(), _Turn())

    async def engine(self) -> AsyncEngine:
        """Return the engine, whose statements outside of transactions wait for their turn too."""
        engine = await super().engine()
        if not event.contains(engine.sync_engine, "before_cursor_execute", self._before_statement):
            event.listen(engine.sync_engine, "before_cursor_execute", self._before_statement)
            event.listen(engine.sync_engine, "after_cursor_execute", self._after_statement)
            event.listen(engine.sync_engine, "handle_error", self._after_error)
            event.listen(engine.sync_engine, "checkout", _commit_each_statement)
        return engine

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """Begin as a writer; one within another of the same task begins as Prefect would have it."""
        turn = self._turn()
        has_turn = await turn.take()
        try:
            async with session.begin() as transaction:
                mode = SQLITE_BEGIN_MODE.set("IMMEDIATE" if has_turn or with_for_update else "DEFERRED")
                try:
                    await session.connection()
                finally:
                    # Another session that this one's work opens begins nothing by itself.
                    SQLITE_BEGIN_MODE.reset(mode)
                yield transaction
        finally:
            if has_turn:
                turn.give_back()

    def _before_statement(self, connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith(_WRITES):
            connection.info[_HAS_TURN] = await_only(self._turn().take())

    def _after_statement(self, connection: Any, *_rest: Any) -> None:
        if connection.info.pop(_HAS_TURN, False):
            self._turn().give_back()

    def _after_error(self, context: Any) -> None:
        if context.connection is not None:
            self._after_statement(context.connection)
