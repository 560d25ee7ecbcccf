"""The result of a query as of its start, read a page at a time."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from standins.salesforce.schema.fields import COMPOUND
from standins.salesforce.soql.paths import Column
from standins.salesforce.soql.sql import Statement

_BLOCK = 1000
_ARGUMENTS = 100
_DOUBLES = ("double", "currency", "percent")


class Snapshot:
    """An open read transaction: whatever is written later does not show in it."""

    def __init__(self, path: Path, statement: Statement) -> None:
        """Begin the transaction, and count."""
        self.statement = statement
        self._path = path
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.create_function("JAVA_DOUBLE", 1, _java_double, deterministic=True)
        self._database.execute("PRAGMA mmap_size = 4294967296")
        self._database.execute("BEGIN")
        self.total = self._count()

    def close(self) -> None:
        """End the transaction."""
        with self._lock:
            self._database.close()

    def records(self, offset: int, limit: int) -> Iterator[dict[str, Any]]:
        """Return records with values as the JSON answers hold them, and the Id of every parent they reach."""
        columns = [*self.statement.columns, *self.statement.parent_ids]
        converters = [_JSON.get(column.field.type) for column in columns]
        names = [column.name for column in columns]
        for row in self._select(", ".join(_json_column(column) for column in columns), offset, limit):
            values = (
                value if convert is None or value is None else convert(value)
                for convert, value in zip(converters, row, strict=True)
            )
            yield dict(zip(names, values, strict=True))

    def current_records(self, offset: int, limit: int) -> Iterator[dict[str, Any]]:
        """Return the records of such a page as they are now, without those that have gone since."""
        ids = [record_id for (record_id,) in self._select("t0.Id", offset, limit)]
        marks, order = ", ".join("?" * len(ids)), f"INSTR('{' '.join(ids)}', t0.Id)"
        where = f"t0.Id IN ({marks})" + ("" if self.statement.include_deleted else " AND t0.IsDeleted = 0")
        query = replace(self.statement.query, limit=None)
        statement = replace(self.statement, query=query, where=where, parameters=tuple(ids), order=order)
        with closing(Snapshot(self._path, statement)) as fresh:
            yield from fresh.records(0, fresh.total)

    def csv_blocks(self, offset: int, limit: int) -> Iterator[bytes]:
        """Return CSV lines with every value in quotes, some hundred kilobytes at a time.

        SQLite writes each line itself: in Python a million lines take several times as long.
        """
        columns = [_csv_column(column) for column in self.statement.columns]
        # A function of SQLite takes 127 arguments at most.
        parts = [columns[start : start + _ARGUMENTS] for start in range(0, len(columns), _ARGUMENTS)]
        patterns = (",".join(['"%w"'] * len(part)) for part in parts)
        printed = (f"PRINTF('{pattern}', {', '.join(part)})" for pattern, part in zip(patterns, parts, strict=True))
        line = " || ',' || ".join(printed)
        cursor = self._select(f"CAST({line} || CHAR(10) AS BLOB)", offset, limit)
        while rows := cursor.fetchmany(_BLOCK):
            yield b"".join([line for (line,) in rows])

    def _select(self, columns: str, offset: int, limit: int) -> sqlite3.Cursor:
        chosen = self.statement
        sql = f"SELECT {columns} FROM {chosen.source} WHERE {chosen.where} ORDER BY {chosen.order}"  # noqa: S608
        limit = max(0, min(limit, self.total - offset))
        with self._lock:
            return self._database.execute(f"{sql} LIMIT ? OFFSET ?", (*chosen.parameters, limit, offset))

    def _count(self) -> int:
        chosen, query = self.statement, self.statement.query
        sql = f"SELECT COUNT(*) FROM {chosen.source} WHERE {chosen.where}"  # noqa: S608 - checked names
        found: int = self._database.execute(sql, chosen.parameters).fetchone()[0]
        return found if query.limit is None else min(found, query.limit)


def _json_datetime(value: str) -> str:
    return value.removesuffix("Z") + "+0000"


_JSON: dict[str, Callable[[Any], Any]] = {
    "boolean": bool,
    "datetime": _json_datetime,
    **dict.fromkeys(COMPOUND, json.loads),
}


def _json_column(column: Column) -> str:
    if column.field.type not in COMPOUND:
        return column.sql
    prefix = column.field.name.removesuffix("Address").removesuffix("c")
    parts = {
        part.name.removeprefix(prefix).removesuffix("__s"): Column(part, column.place).sql
        for part in column.place.sobject.components(column.field.name)
    }
    pairs = ", ".join(f"'{name[0].lower()}{name[1:]}', {sql}" for name, sql in parts.items())
    return f"CASE WHEN COALESCE({', '.join(parts.values())}) IS NOT NULL THEN JSON_OBJECT({pairs}) END"


def _csv_column(column: Column) -> str:
    if column.field.type in _DOUBLES:
        return f"IFNULL(JAVA_DOUBLE({column.sql}), '')"
    if column.field.type != "boolean":
        return f"IFNULL({column.sql}, '')"
    # Without a parent its flags are empty, neither true nor false.
    no = "'false'" if not column.place.path else f"IIF({column.sql} IS NULL, '', 'false')"
    return f"IIF({column.sql}, 'true', {no})"


def _java_double(value: float | str | None) -> str | None:
    """Write a number as Salesforce's CSV does: 12.0, 1.6147805824397E13 (Java's Double.toString)."""
    if value is None:
        return None
    number = float(value)
    if number == 0 or 1e-3 <= abs(number) < 1e7:  # noqa: PLR2004  # where Java changes to powers of ten
        return repr(number)
    digits, _, power = f"{Decimal(repr(number)).normalize():E}".partition("E")
    return f"{digits if '.' in digits else digits + '.0'}E{int(power)}"
