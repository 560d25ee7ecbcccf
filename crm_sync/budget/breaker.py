"""The breaker: when Salesforce refuses a request for a limit, no process sends another until a set time.

After that time one request, the probe, is sent; its answer opens the breaker or keeps it closed for twice as long.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from crm_sync.errors import LimitReachedError, LoginLimitError
from crm_sync.requests import RequestKind

FIRST_PAUSE = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(hours=1)
# Longer than any request may take: the probe of a process that was killed is given up then.
PROBE_TIME = timedelta(minutes=11)


class Scope(StrEnum):
    """What a closed breaker stops."""

    ALL = "all requests"
    LOGIN = "logins"
    BULK = "Bulk jobs"


_SENTENCES = {
    Scope.ALL: "Salesforce has said that the org's requests are used up, so nothing is sent before "
    "{until:%Y-%m-%d %H:%M} UTC; the next run after that goes on from here.",
    Scope.LOGIN: "Salesforce has said that this user logs in too often, so nobody logs in before "
    "{until:%Y-%m-%d %H:%M} UTC; runs that have a session go on.",
    Scope.BULK: "Salesforce has said that the Bulk jobs of the day are used up, so none is started before "
    "{until:%Y-%m-%d %H:%M} UTC; the next run after that goes on from here.",
}


@dataclass(frozen=True)
class ClosedBreaker:
    """A closed breaker as the budget's page shows it."""

    scope: Scope
    closed_at: datetime
    until: datetime


def scopes_of(kind: str) -> list[Scope]:
    """Return the scopes that a request of this kind belongs to."""
    own = {RequestKind.LOGIN: Scope.LOGIN, RequestKind.BULK_JOB: Scope.BULK}
    return [Scope.ALL, *(scope for other, scope in own.items() if other == kind)]


def scope_of_refusal(kind: str, error: LimitReachedError) -> Scope:
    """Return what Salesforce's refusal of a request of this kind stops."""
    if isinstance(error, LoginLimitError):
        return Scope.LOGIN
    is_about_jobs = error.code != "REQUEST_LIMIT_EXCEEDED" and kind.startswith("bulk")
    return Scope.BULK if is_about_jobs else Scope.ALL


def stopped(scope: Scope, until: datetime) -> LimitReachedError:
    """Return the error of a request that a closed breaker stops."""
    error = LoginLimitError if scope is Scope.LOGIN else LimitReachedError
    return error(_SENTENCES[scope].format(until=until), until=until)


def pause_after(before: timedelta | None) -> timedelta:
    """Return how long the breaker stays closed: longer after each probe in vain."""
    return FIRST_PAUSE if before is None else min(2 * before, LONGEST_PAUSE)
