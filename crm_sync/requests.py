"""The kind of a request to an outside system, and the allowance that its answer reports."""

from dataclasses import dataclass
from enum import StrEnum


class RequestKind(StrEnum):
    """What a request is for; the ledger counts by it."""

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
        """Return whether the request is about a Bulk job."""
        return self.value.startswith("bulk")


@dataclass(frozen=True)
class ApiUsage:
    """Requests used and allowed in the org's rolling 24 hours, as Salesforce last reported (approximate)."""

    used: int
    allowed: int
    # The connected app's, when it has a limit of its own.
    app_used: int | None = None
    app_allowed: int | None = None
    # The org is over its allocation, which Salesforce allows for a while.
    is_bursting: bool = False
