"""What a request to an outside system is for, and what its answer says of the allowance."""

from dataclasses import dataclass
from enum import StrEnum


class RequestKind(StrEnum):
    """What a request is for; the pace and the ledger count by it."""

    LOGIN = "login"
    DESCRIBE = "describe"
    LIMITS = "limits"
    QUERY = "query"
    BULK_JOB = "bulk_job"
    BULK_POLL = "bulk_poll"
    BULK_RESULTS = "bulk_results"
    WRITE = "write"
    OTHER = "other"

    @property
    def is_bulk(self) -> bool:
        """Tell whether the request is about a Bulk job."""
        return self.value.startswith("bulk")


@dataclass(frozen=True)
class ApiUsage:
    """Requests used and allowed in the org's rolling 24 hours, as Salesforce last said (approximate)."""

    used: int
    allowed: int
    # Of the connected app, when it has a limit of its own.
    app_used: int | None = None
    app_allowed: int | None = None
    # The org is over its allocation, and Salesforce lets it for a while.
    is_bursting: bool = False
