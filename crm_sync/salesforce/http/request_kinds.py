"""Derives the kind of a request from its address."""

import re

from crm_sync.requests import RequestKind

_KINDS = (
    (re.compile(r"^/services/(Soap/u|oauth2/token)\b"), RequestKind.LOGIN),
    (re.compile(r"/describe/?$|/v[\d.]+/sobjects/?$"), RequestKind.DESCRIBE),
    (re.compile(r"/limits\b"), RequestKind.LIMITS),
    (re.compile(r"/query(All)?\b"), RequestKind.QUERY),
)

_JOBS = re.compile(r"/jobs/(query|ingest)/?$")


def makes_job(method: str, path: str) -> bool:
    """Return whether a request makes a Bulk job, so that there is none yet that could be gone."""
    return method == "POST" and _JOBS.search(path.partition("?")[0]) is not None


def kind_of(method: str, path: str) -> RequestKind:
    """Return the kind of a request of simple-salesforce, which states none."""
    resource = path.partition("?")[0]
    for pattern, kind in _KINDS:
        if pattern.search(resource):
            return kind
    return RequestKind.OTHER if method == "GET" else RequestKind.WRITE
