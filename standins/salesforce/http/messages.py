"""A request and its answer, free of sockets, so that a request may hold further requests."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from standins.salesforce.errors import SalesforceError

JSON_TYPE = "application/json;charset=UTF-8"


@dataclass(frozen=True)
class Request:
    """A client's request; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base_url: str

    def json(self) -> dict[str, Any]:
        """Return the body's JSON object; raise SalesforceError JSON_PARSER_ERROR for anything else."""
        return parsed(self.body)


@dataclass
class Answer:
    """The org's answer; a body in blocks is sent block by block."""

    status: int
    body: bytes | Iterator[bytes] = b""
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)


def parsed(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`; raise SalesforceError JSON_PARSER_ERROR for anything else."""
    try:
        value = json.loads(body)
    except ValueError as error:
        raise SalesforceError(400, "JSON_PARSER_ERROR", f"Unexpected input: {error}") from error
    if not isinstance(value, dict):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "Cannot deserialize: an object is expected")
    return value


def json_answer(value: Any, status: int = 200) -> Answer:
    """Return an answer whose body is JSON."""
    return Answer(status, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def error_answer(error: SalesforceError) -> Answer:
    """Return the answer in which the REST API refuses a request: a list of errors."""
    return json_answer(error.body(), error.status)
