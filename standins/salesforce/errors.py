"""The org's refusals, with Salesforce's codes and messages."""

from collections.abc import Sequence
from typing import Any


class SalesforceError(Exception):
    """A request that the org refuses: HTTP status, error code and message, and the fields of a refused record."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] | None = None) -> None:
        """Keep the parts of the answer's body."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def body(self) -> list[dict[str, Any]]:
        """Return the JSON body of the REST API's answer."""
        fields = {} if self.fields is None else {"fields": list(self.fields)}
        return [{"message": self.message, "errorCode": self.code} | fields]


class RecordError(Exception):
    """One record that the org refuses to write: status code, message and the fields at fault."""

    def __init__(self, code: str, message: str, *fields: str) -> None:
        """Keep the parts of the record's result row."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields

    def body(self) -> dict[str, Any]:
        """Return the entry for the `errors` list of a result row."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}


def session_expired() -> SalesforceError:
    """Return the error for a session id that is unknown or too old."""
    return SalesforceError(401, "INVALID_SESSION_ID", "Session expired or invalid")


def not_found() -> SalesforceError:
    """Return the error for an unknown address."""
    return SalesforceError(404, "NOT_FOUND", "The requested resource does not exist")
