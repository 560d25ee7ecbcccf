"""What a request is for."""

import re
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


_KINDS = (
    (re.compile(r"^/services/(Soap/u|oauth2/token)\b"), RequestKind.LOGIN),
    (re.compile(r"/describe/?$|/v[\d.]+/sobjects/?$"), RequestKind.DESCRIBE),
    (re.compile(r"/limits\b"), RequestKind.LIMITS),
    (re.compile(r"/query(All)?\b"), RequestKind.QUERY),
)


def kind_of(method: str, path: str) -> RequestKind:
    """Tell the kind of a request that simple-salesforce sends, which states none."""
    resource = path.partition("?")[0]
    for pattern, kind in _KINDS:
        if pattern.search(resource):
            return kind
    return RequestKind.OTHER if method == "GET" else RequestKind.WRITE
