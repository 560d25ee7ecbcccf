"""Statements are compiled once in a session: each test has its own databases, and each run opens its database anew."""

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import LRUCache

_MOST = 2_000


class _Compiled(LRUCache[Any, Any]):
    """What SQLAlchemy keeps for one engine, for all engines of a kind: in its key the dialect comes first."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_by_kind(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_by_kind(key), value)


def _by_kind(key: Any) -> Any:
    dialect, *rest = key
    return dialect.name, dialect.driver, getattr(dialect, "server_version_info", None), *rest


_compiled = _Compiled(_MOST)


@event.listens_for(Engine, "engine_connect")
def _share(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_compiled)
