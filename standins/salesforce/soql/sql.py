"""A parsed SOQL query as SQL over the org's tables, with every value as a parameter."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from standins.salesforce.errors import SalesforceError
from standins.salesforce.ids import full_id
from standins.salesforce.schema.fields import COMPOUND, Field, SObject
from standins.salesforce.soql.parser import Comparison, Condition, Group, Not, Order, Query, Token
from standins.salesforce.soql.paths import Column, Path, Paths, Place, refusal

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_NUMERIC = ("double", "currency", "int")
_KINDS = {"boolean": "boolean", "date": "date", "datetime": "datetime", **dict.fromkeys(_NUMERIC, "number")}
_TYPE_NAMES = {"datetime": "dateTime", "id": "ID", "reference": "ID"}

Value = str | int | float | None


@dataclass(frozen=True)
class Statement:
    """A checked query: its columns, the parents they are on, and the SQL that chooses and orders the records."""

    query: Query
    sobject: SObject
    columns: tuple[Column, ...]
    places: Mapping[Path, Place]
    parent_ids: tuple[Column, ...]
    source: str
    where: str
    parameters: tuple[Value, ...]
    order: str
    include_deleted: bool

    def without_records(self, ids: Collection[str]) -> "Statement":
        """Return the statement without the records of these Ids, which the user may not see."""
        if not ids:
            return self
        where = f"({self.where}) AND t0.Id NOT IN ({', '.join('?' * len(ids))})"
        return replace(self, where=where, parameters=(*self.parameters, *sorted(ids)))


def translate(query: Query, schema: Mapping[str, SObject], *, include_deleted: bool) -> Statement:
    """Return the SQL for `query`; raise SalesforceError for a type, field or value that does not fit."""
    return _Translation(query, schema).statement(include_deleted)


class _Translation:
    def __init__(self, query: Query, schema: Mapping[str, SObject]) -> None:
        self._query = query
        self._paths = Paths(query, schema)
        self._parameters: list[Value] = []
        self._by_stamp = False

    def statement(self, include_deleted: bool) -> Statement:
        columns = self._select()
        parent_ids = tuple(self._parent_ids(columns))
        conditions = [] if include_deleted else ["t0.IsDeleted = 0"]
        if self._query.where is not None:
            conditions.append(self._condition(self._query.where))
        where = " AND ".join(conditions) or "1"
        order = self._order()
        paths, parameters = self._paths, tuple(self._parameters)
        return Statement(
            self._query,
            paths.sobject,
            columns,
            paths.places,
            parent_ids,
            paths.source(),
            where,
            parameters,
            order,
            include_deleted,
        )

    def _select(self) -> tuple[Column, ...]:
        columns: dict[str, Column] = {}
        for token in self._query.fields:
            column = self._paths.column(token)
            if column.name in columns:
                raise self._refusal("MALFORMED_QUERY", token, f"duplicate field selected: {column.name}")
            columns[column.name] = column
        return tuple(columns.values())

    def _parent_ids(self, columns: tuple[Column, ...]) -> Iterator[Column]:
        """Answers name each parent's Id, and those of the parents on the way."""
        for path, place in self._paths.places.items():
            id_field = place.sobject.field("Id")
            if id_field and path and any(column.place.path[: len(path)] == path for column in columns):
                yield Column(id_field, place)

    def _condition(self, condition: Condition) -> str:
        """To SOQL a comparison with an empty field is false, its opposite true; to SQL both are unknown."""
        if isinstance(condition, Not):
            return f"NOT COALESCE({self._condition(condition.condition)}, 0)"
        if isinstance(condition, Group):
            return _balanced(condition.word, [self._condition(part) for part in condition.conditions])
        return self._comparison(condition)

    def _comparison(self, comparison: Comparison) -> str:
        found = self._paths.column(comparison.field)
        field, column = found.field, found.sql
        if not field.filterable or field.type in COMPOUND:
            raise self._refusal(
                "INVALID_FIELD", comparison.field, f"field '{field.name}' can not be filtered in a query call"
            )
        self._by_stamp |= found.name == "SystemModstamp"
        if comparison.operator == "LIKE":
            return self._like(comparison, field, column)
        values = [self._value(field, token) for token in comparison.values]
        self._parameters += values
        if comparison.operator in ("IN", "NOT IN"):
            wanted = f"{column} IN ({', '.join('?' * len(values))})"
            if None in values:
                wanted = f"({wanted} OR {column} IS NULL)"
            return wanted if comparison.operator == "IN" else f"NOT COALESCE({wanted}, 0)"
        return f"{column} {_sql_operator(comparison.operator, values[0])} ?"

    def _like(self, comparison: Comparison, field: Field, column: str) -> str:
        token = comparison.values[0]
        if field.type in (*_KINDS, "id", "reference", "multipicklist") or token.kind != "string":
            raise self._refusal("INVALID_FIELD", comparison.field, "invalid operator on " + field.type + " field")
        self._parameters.append(self._string(token, like=True))
        return rf"{column} LIKE ? ESCAPE '\'"

    def _value(self, field: Field, token: Token) -> Value:
        if token.kind == "null":
            return None
        expected = _KINDS.get(field.type, "string")
        if token.kind != expected:
            quotes = "should" if expected == "string" else "should not"
            raise self._refusal(
                "INVALID_FIELD",
                token,
                f"value of filter criterion for field '{field.name}' must be of type "
                f"{_TYPE_NAMES.get(field.type, field.type)} and {quotes} be enclosed in quotes",
            )
        readers: dict[str, Callable[[Token], Value]] = {
            "boolean": lambda literal: int(literal.text == "TRUE"),
            "number": lambda literal: float(literal.text),
            "date": self._date,
            "datetime": self._datetime,
        }
        if expected in readers:
            return readers[expected](token)
        return self._id(token) if field.type in ("id", "reference") else self._string(token)

    def _id(self, token: Token) -> str:
        text = self._string(token)
        found = full_id(text)
        if text and found is None:
            raise self._refusal("INVALID_QUERY_FILTER_OPERATOR", token, f"invalid ID field: {text}")
        return found or ""

    def _date(self, token: Token) -> str:
        try:
            return date.fromisoformat(token.text).isoformat()
        except ValueError:
            raise self._refusal("INVALID_FIELD", token, f"invalid date: {token.text}") from None

    def _datetime(self, token: Token) -> str:
        try:
            return stamp(datetime.fromisoformat(token.text))
        except ValueError:
            raise self._refusal("INVALID_FIELD", token, f"invalid datetime: {token.text}") from None

    def _string(self, token: Token, *, like: bool = False) -> str:
        def unescape(match: re.Match[str]) -> str:
            character = match[1]
            if like and character in "%_\\":
                return match[0]
            if character not in _ESCAPES:
                raise self._refusal(
                    "MALFORMED_QUERY",
                    token,
                    f"Invalid string literal {token.text}. Illegal character sequence '{match[0]}' in string literal.",
                )
            return _ESCAPES[character]

        return _ESCAPE.sub(unescape, token.text[1:-1])

    def _order(self) -> str:
        """Every order ends in the record's number, so that a page never depends on chance."""
        if self._query.order:
            return ", ".join([*(self._order_term(order) for order in self._query.order), "t0.n"])
        return "t0.SystemModstamp, t0.n" if self._by_stamp else "t0.n"

    def _order_term(self, order: Order) -> str:
        column = self._paths.column(order.field)
        if not column.field.sortable:
            message = f"field '{column.field.name}' can not be sorted in a query call"
            raise self._refusal("INVALID_FIELD", order.field, message)
        direction, nulls = "DESC" if order.descending else "ASC", "LAST" if order.nulls_last else "FIRST"
        return f"{column.sql} {direction} NULLS {nulls}"

    def _refusal(self, code: str, token: Token, message: str) -> SalesforceError:
        return refusal(self._query, code, token, message)


def stamp(moment: datetime) -> str:
    """Return the moment as the org's tables and CSV hold it: UTC, milliseconds, `Z`."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _sql_operator(operator: str, value: Value) -> str:
    if operator == "!=":
        return "IS NOT"
    return "IS" if operator == "=" and value is None else operator


def _balanced(word: str, conditions: list[str]) -> str:
    """Join conditions as a tree: SQLite refuses a chain of more than 1000."""
    if len(conditions) == 1:
        return conditions[0]
    half = len(conditions) // 2
    return f"({_balanced(word, conditions[:half])} {word} {_balanced(word, conditions[half:])})"
