"""The two kinds of writes to a record, and the outcome of one."""

from dataclasses import dataclass
from typing import Any
from typing import Literal as OneOf

from standins.salesforce.errors import RecordError

Operation = OneOf["update", "upsert"]


@dataclass(frozen=True)
class Outcome:
    """The outcome of one write: the record's Id or an error."""

    id: str | None = None
    created: bool = False
    error: RecordError | None = None

    def body(self, *, upserting: bool = False) -> dict[str, Any]:
        """Return the result row; only that of an upsert has `created`."""
        if self.error:
            return {"success": False, "errors": [self.error.body()]}
        return {"id": self.id, "success": True, "errors": []} | ({"created": self.created} if upserting else {})
