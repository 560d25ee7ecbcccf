"""A parser of the part of SOQL that reading records needs."""

import re
from dataclasses import dataclass
from typing import Literal as OneOf

from standins.salesforce.errors import SalesforceError

MAX_LENGTH = 100_000
_MAX_DEPTH = 50
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d))
    |(?P<date>\d{4}-\d\d-\d\d)(?![\w-])
    |(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?!\w)
    |(?P<string>'(?:[^'\\]|\\.)*')
    |(?P<name>[A-Za-z_][\w.]*)
    |(?P<sign><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_OPERATORS = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True)
class Token:
    """A word of the query: its kind, its text as written, and where it stands."""

    kind: str
    text: str
    position: int

    @property
    def word(self) -> str:
        """Return the text as keywords are compared; empty for what cannot be one."""
        return self.text.upper() if self.kind in ("name", "sign") else ""


@dataclass(frozen=True)
class Comparison:
    """`field operator value`; IN and NOT IN have several values."""

    field: Token
    operator: str
    values: tuple[Token, ...]


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    condition: "Condition"


@dataclass(frozen=True)
class Group:
    """Conditions joined by one and the same word."""

    word: OneOf["AND", "OR"]
    conditions: tuple["Condition", ...]


Condition = Comparison | Not | Group


@dataclass(frozen=True)
class Order:
    """One field to sort by."""

    field: Token
    descending: bool
    nulls_last: bool


@dataclass(frozen=True)
class Query:
    """A parsed query; no fields means COUNT()."""

    text: str
    fields: tuple[Token, ...]
    sobject: Token
    where: Condition | None
    order: tuple[Order, ...]
    limit: int | None

    @property
    def counts(self) -> bool:
        """Return whether the query only asks for a number of records."""
        return not self.fields


def parse(text: str) -> Query:
    """Return the query in `text`; raise SalesforceError MALFORMED_QUERY for anything else."""
    if len(text) > MAX_LENGTH:
        raise SalesforceError(400, "MALFORMED_QUERY", f"SOQL statements cannot be longer than {MAX_LENGTH} characters.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise SalesforceError(400, "MALFORMED_QUERY", "The query is not valid Unicode")
    return _Parser(text).query()


def located(text: str, position: int, message: str) -> str:
    """Return the message as Salesforce words it: the line, a caret below the place, row and column."""
    row = text.count("\n", 0, position) + 1
    start = text.rfind("\n", 0, position) + 1
    line = text[start:].split("\n", 1)[0]
    column = position - start
    return f"\n{line}\n{' ' * column}^\nERROR at Row:{row}:Column:{column + 1}\n{message}"


def _tokens(text: str) -> list[Token]:
    tokens, position, end = [], 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            raise SalesforceError(
                400, "MALFORMED_QUERY", f"line 1:{start} no viable alternative at character '{text[start]}'"
            )
        tokens.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        position = match.end()
    return [*tokens, Token("end", "<EOF>", end)]


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def query(self) -> Query:
        self._expect("SELECT")
        fields = self._selection()
        self._expect("FROM")
        sobject = self._name()
        where = self._condition() if self._take("WHERE") else None
        order = self._ordering() if self._take("ORDER") else ()
        limit = self._integer() if self._take("LIMIT") else None
        if self._peek.kind != "end":
            raise self._unexpected()
        return Query(self._text, fields, sobject, where, order, limit)

    def _selection(self) -> tuple[Token, ...]:
        first = self._name()
        if first.word == "COUNT" and self._take("("):
            self._expect(")")
            return ()
        fields = [first]
        while self._take(","):
            fields.append(self._name())
        return tuple(fields)

    def _condition(self) -> Condition:
        """SOQL wants brackets where AND and OR meet."""
        conditions = [self._term()]
        for word in ("AND", "OR"):
            while self._take(word):
                conditions.append(self._term())
            if len(conditions) > 1:
                return Group("AND" if word == "AND" else "OR", tuple(conditions))
        return conditions[0]

    def _term(self) -> Condition:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise SalesforceError(400, "QUERY_TOO_COMPLICATED", "Query is too complicated.")
        condition = self._nested()
        self._depth -= 1
        return condition

    def _nested(self) -> Condition:
        if self._take("NOT"):
            return Not(self._term())
        if self._take("("):
            condition = self._condition()
            self._expect(")")
            return condition
        return self._comparison()

    def _comparison(self) -> Comparison:
        field = self._name()
        sign = self._advance()
        if sign.word in _OPERATORS:
            return Comparison(field, _OPERATORS[sign.word], (self._value(),))
        if sign.word == "LIKE":
            return Comparison(field, "LIKE", (self._value(),))
        if sign.word == "NOT" and self._take("IN"):
            return Comparison(field, "NOT IN", self._list())
        if sign.word == "IN":
            return Comparison(field, "IN", self._list())
        self._next -= 1
        raise self._unexpected()

    def _list(self) -> tuple[Token, ...]:
        self._expect("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._expect(")")
        return tuple(values)

    def _value(self) -> Token:
        token = self._advance()
        if token.kind in ("string", "number", "date", "datetime"):
            return token
        if token.word in ("TRUE", "FALSE"):
            return Token("boolean", token.word, token.position)
        if token.word == "NULL":
            return Token("null", token.word, token.position)
        self._next -= 1
        raise self._unexpected()

    def _ordering(self) -> tuple[Order, ...]:
        self._expect("BY")
        orders = [self._order()]
        while self._take(","):
            orders.append(self._order())
        return tuple(orders)

    def _order(self) -> Order:
        field = self._name()
        descending = bool(self._take("DESC"))
        if not descending:
            self._take("ASC")
        nulls_last = False
        if self._take("NULLS"):
            nulls_last = bool(self._take("LAST"))
            if not nulls_last:
                self._expect("FIRST")
        return Order(field, descending, nulls_last)

    def _integer(self) -> int:
        token = self._advance()
        if not token.text.isascii() or not token.text.isdigit() or len(token.text) > 9:  # noqa: PLR2004 - 32 bits
            self._next -= 1
            raise self._unexpected()
        return int(token.text)

    def _name(self) -> Token:
        token = self._advance()
        if token.kind != "name":
            self._next -= 1
            raise self._unexpected()
        return token

    @property
    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _advance(self) -> Token:
        token = self._peek
        self._next += 1
        return token

    def _take(self, word: str) -> Token | None:
        return self._advance() if self._peek.word == word else None

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._unexpected()

    def _unexpected(self) -> SalesforceError:
        token = self._peek
        message = located(self._text, token.position, f"unexpected token: '{token.text}'")
        return SalesforceError(400, "MALFORMED_QUERY", message)
