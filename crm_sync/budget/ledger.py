"""The request ledger: every request is entered here first, and refused when the budget has no headroom for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from uuid import uuid4

from sqlalchemy import Connection

from crm_sync.budget.breaker import Scope
from crm_sync.budget.breaker_store import claim_probes, close_breaker, close_probe, find_refusal
from crm_sync.budget.ledger_store import (
    DayCount,
    complete_request,
    count_requests,
    enter_request,
    lock_ledger,
    next_headroom_at,
)
from crm_sync.budget.orgs_store import (
    name_org,
    org_of,
    read_org_usage,
    read_rules,
    renew_org_usage,
    save_org_usage,
    store_rules,
)
from crm_sync.budget.rules import (
    DAY,
    HOUR,
    BudgetRules,
    OrgUsage,
    RequestCounts,
    Reservation,
    day_allowance,
    day_headroom,
    hour_headroom,
    org_headroom,
    reservation_owner,
)
from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import LimitReachedError
from crm_sync.requests import ApiUsage

# How old the org's usage may be when it stops us; then one request brings it anew.
_ORG_USAGE_LASTS = timedelta(minutes=15)


@dataclass(frozen=True)
class _Refusal:
    """Why a request may not be made; `passes` when the next hour brings headroom by itself."""

    error: LimitReachedError
    passes: bool = False


@dataclass(frozen=True)
class Headroom:
    """How many more requests the flow may make; `day` is None as long as the org's allocation is not known."""

    hour: int
    day: int | None


class RequestLedger:
    """Counts the requests of all flows, processes and hosts that share the customer database."""

    def __init__(
        self,
        database: CustomerDatabase,
        *,
        org: str,
        flow: str,
        rules: BudgetRules | None = None,
        clock: Callable[[], datetime] | None = None,
        wait: Callable[[LimitReachedError], bool] | None = None,
        hour: timedelta = HOUR,
    ) -> None:
        """Count for the org that credentials known as `org` lead to.

        Without `rules`, those last stored for this org count. `wait` is called when the hour is full, and returns
        whether it has waited until the error's `until`. Only a measurement has another `hour`.
        """
        self._database = database
        self._key = org
        self.flow = flow
        self._given = rules
        self._clock = clock
        self._wait = wait
        self._hour = hour
        self._holder = uuid4().hex
        self._probes: dict[int, list[Scope]] = {}
        self._counting = Lock()
        self.used = 0
        self.last_usage: ApiUsage | None = None
        self._host = ""
        self._count_for(None)

    @property
    def org(self) -> str:
        """The org for which requests are counted."""
        return self._org

    def identify(self, host: str) -> None:
        """Count for the org at `host` from now on, with all others whose sessions are of that host."""
        if host != self._host:
            self._count_for(host)
            self._host = host

    def _count_for(self, host: str | None) -> None:
        with self._database.transaction() as connection:
            lock_ledger(connection)
            self._org = host or org_of(connection, self._key)
            name_org(connection, self._key, self._org)
            if self._given:
                store_rules(connection, self._org, self._given)
            self._rules = self._given or read_rules(connection, self._org)
        self._day: DayCount | None = None

    def reserve(self, kind: str, at: datetime) -> int:
        """Enter a request and return its number; LimitReachedError when there is no headroom or a breaker is closed.

        Waits for the hour, if it may, with no transaction open.
        """
        while True:
            with self._database.transaction() as connection:
                entered = self._enter(connection, kind, at)
            if isinstance(entered, int):
                with self._counting:
                    self.used += 1
                return entered
            if not entered.passes or self._wait is None or self._clock is None or not self._wait(entered.error):
                raise entered.error
            at = self._clock()

    def complete(self, request_id: int, status: int, usage: ApiUsage | None) -> None:
        """Store the outcome of a request (HTTP status, 0 when no answer came) and the org's usage.

        Salesforce counted it at some moment until now; counted from now on, it is never dropped too early.
        """
        self.last_usage = usage or self.last_usage
        with self._database.transaction() as connection:
            at = complete_request(connection, request_id, status, usage, self._clock() if self._clock else None)
            if usage:
                save_org_usage(connection, self._org, usage, at)
            if probed := self._probes.pop(request_id, None):
                close_probe(connection, self._org, probed, status=status, holder=self._holder, now=at)

    @contextmanager
    def counted_as(self, flow: str) -> Iterator[None]:
        """Count the requests made meanwhile for another flow, out of its reservation."""
        own, self.flow = self.flow, flow
        try:
            yield
        finally:
            self.flow = own

    def limit_reached(self, kind: str, error: LimitReachedError, at: datetime) -> None:
        """Close the breaker of the org, for every process, because Salesforce has refused a request for a limit."""
        with self._database.transaction() as connection:
            close_breaker(connection, self._org, kind, error, at)

    def check_open(self, at: datetime) -> None:
        """Raise LimitReachedError when the breaker is closed, before anything is begun."""
        with self._database.transaction() as connection:
            refusal = find_refusal(connection, self._org, "", self._holder, at)
        if refusal:
            raise refusal

    def headroom(self, at: datetime) -> Headroom:
        """Return how many more requests this flow may make now."""
        with self._database.transaction() as connection:
            lock_ledger(connection)
            counts, org = self._count(connection, at), read_org_usage(connection, self._org)
        hour, day = hour_headroom(self._rules, self.flow, counts), None
        if org is not None:
            day = day_headroom(self._rules, self.flow, org, counts)
            # Older usage stops nobody: the first request of the run brings it anew.
            day = min(day, org_headroom(self._rules, self.flow, org, counts)) if _is_fresh(org, at) else day
            day = max(0, day)
        return Headroom(max(0, hour), day)

    def _enter(self, connection: Connection, kind: str, at: datetime) -> int | _Refusal:
        lock_ledger(connection)
        if closed := find_refusal(connection, self._org, kind, self._holder, at):
            return _Refusal(closed)
        counts, org = self._count(connection, at), read_org_usage(connection, self._org)
        if refusal := self._check(connection, counts, org, at):
            return refusal
        # Only now is it certain that the request is made, so it may be the probe.
        if org is not None and org_headroom(self._rules, self.flow, org, counts) < 1:
            renew_org_usage(connection, self._org, at)
        probed = claim_probes(connection, self._org, kind, self._holder, at)
        number = enter_request(connection, self._org, self.flow, kind, at)
        if probed:
            self._probes[number] = probed
        return number

    def _count(self, connection: Connection, at: datetime) -> RequestCounts:
        counts, self._day = count_requests(connection, self._org, at, self._hour, self._day)
        return counts

    def _check(
        self, connection: Connection, counts: RequestCounts, org: OrgUsage | None, at: datetime
    ) -> _Refusal | None:
        rules, flow = self._rules, self.flow
        if org is not None:
            if (left := day_headroom(rules, flow, org, counts)) < 1:
                until, allowed = next_headroom_at(connection, self._org, DAY, left, at), day_allowance(rules, org)
                limit = f"in the last 24 hours and {allowed} are this integration's share"
                return _Refusal(self._refuse(sum(counts.day.values()), allowed, limit, until))
            if _is_fresh(org, at) and org_headroom(rules, flow, org, counts) < 1:
                return _Refusal(_refuse_for_org(org))
        if (left := hour_headroom(rules, flow, counts)) < 1:
            until = next_headroom_at(connection, self._org, self._hour, left, at)
            allowed = rules.requests_per_hour
            limit = f"in the last hour and {allowed} are allowed"
            return _Refusal(self._refuse(sum(counts.hour.values()), allowed, limit, until), passes=True)
        return None

    def _refuse(self, made: int, allowed: int, limit: str, until: datetime) -> LimitReachedError:
        others = sorted(
            owner
            for owner, reservation in self._rules.reservations.items()
            if reservation != Reservation() and owner != reservation_owner(self.flow)
        )
        kept = f", the rest kept for {' and '.join(others)}" if made < allowed else ""
        return LimitReachedError(
            f"{made} Salesforce requests were made {limit}{kept}; the next run after "
            f"{until:%Y-%m-%d %H:%M} UTC goes on from here.",
            until=until,
        )


def _is_fresh(org: OrgUsage, at: datetime) -> bool:
    return at < org.seen_at + _ORG_USAGE_LASTS


def _refuse_for_org(org: OrgUsage) -> LimitReachedError:
    until = org.seen_at + _ORG_USAGE_LASTS
    return LimitReachedError(
        f"The Salesforce org has used {org.used} of its {org.allowed} requests of the last 24 hours, all programs "
        f"together, and the rest is left to others; Salesforce is asked again after {until:%Y-%m-%d %H:%M} UTC.",
        until=until,
    )
