"""The request ledger: every Salesforce request is written here first, and one too many for a budget is refused."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, func, insert, select, text, update

from crm_sync.budget.breaker import Scope, claim_probes, close_breaker, closed_for, settle_probe
from crm_sync.budget.orgs import name_org, org_of
from crm_sync.budget.rules import (
    DAY,
    BudgetRules,
    Kept,
    OrgUsage,
    Use,
    day_allowance,
    day_room,
    hour_headroom,
    org_room,
    share_of,
)
from crm_sync.budget.settings import settle_rules
from crm_sync.customers.org_use import ask_anew, read_org_use, save_org_use
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import request_ledger
from crm_sync.errors import LimitReachedError
from crm_sync.requests import ApiUsage

_LEDGER_LOCK = 7_023_003
# How old the org's figures may be when they stop us; then one request asks anew.
_FIGURES_LAST = timedelta(minutes=15)
_DAY_COUNT_LASTS = timedelta(minutes=1)


@dataclass(frozen=True)
class _Refusal:
    """Why a request may not be made; `passes` when the next hour brings room by itself."""

    error: LimitReachedError
    passes: bool = False


@dataclass(frozen=True)
class _DayCount:
    """The requests of 24 hours as counted a moment ago; later ones have a number above `newest`."""

    at: datetime
    newest: int
    by_flow: dict[str, int]


@dataclass(frozen=True)
class Room:
    """How many more requests the flow may make; `day` is None as long as the org's allocation is not known.

    `whole_hour`: how many it could make in an hour in which nobody has made any.
    """

    hour: int
    day: int | None
    whole_hour: int


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
    ) -> None:
        """Count for the org that credentials known as `org` lead to.

        Without `rules`, those that were last given for this org count. `wait` is told when the hour is full, and
        returns whether it has waited for its `until`.
        """
        self._database = database
        self._key = org
        self.flow = flow
        self._given = rules
        self._host = ""
        self._clock = clock
        self._wait = wait
        self._holder = uuid4().hex
        self._probes: dict[int, list[Scope]] = {}
        self._counting = Lock()
        self._day: _DayCount | None = None
        self.used = 0
        self.last_usage: ApiUsage | None = None
        with database.transaction() as connection:
            _lock(connection)
            name_org(connection, self._key, org_of(connection, self._key))
            self._org, self._rules = self._look_up(connection)

    @property
    def org(self) -> str:
        """The org for which requests are counted."""
        return self._org

    def identify(self, host: str) -> None:
        """Count for the org at `host` from now on, with all others whose sessions are of that host."""
        if host == self._host:
            return
        with self._database.transaction() as connection:
            _lock(connection)
            name_org(connection, self._key, host)
            self._org, self._rules = self._look_up(connection)
        self._day, self._host = None, host

    def _look_up(self, connection: Connection) -> tuple[str, BudgetRules]:
        org = org_of(connection, self._key)
        return org, settle_rules(connection, org, self._given)

    def reserve(self, kind: str, at: datetime) -> int:
        """Enter a request and return its number; raises LimitReachedError when there is no room or a breaker is closed.

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

    def settle(self, request_id: int, status: int, usage: ApiUsage | None) -> None:
        """Write down how a request ended (HTTP status, 0 when no answer came) and what the org has used."""
        self.last_usage = usage or self.last_usage
        ended = {"status": status} | ({"org_used": usage.used, "org_allowed": usage.allowed} if usage else {})
        # Salesforce counted it at some moment until now; counted from now on, it is never forgotten too early.
        now = self._clock() if self._clock else None
        with self._database.transaction() as connection:
            row = update(request_ledger).values(ended | ({"at": now} if now else {}))
            at = connection.execute(
                row.where(request_ledger.c.id == request_id).returning(request_ledger.c.at)
            ).scalar_one()
            if usage:
                save_org_use(connection, self._org, usage, at)
            if probed := self._probes.pop(request_id, None):
                settle_probe(connection, self._org, probed, status=status, holder=self._holder, now=at)

    def limit_reached(self, kind: str, error: LimitReachedError, at: datetime) -> None:
        """Close the breaker of the org, for every process, because Salesforce has refused a request for a limit."""
        with self._database.transaction() as connection:
            close_breaker(connection, self._org, kind, error, at)

    def check_open(self, at: datetime) -> None:
        """Raise LimitReachedError when the breaker is closed, before anything is begun."""
        with self._database.transaction() as connection:
            closed = closed_for(connection, self._org, "", self._holder, at)
        if closed:
            raise closed

    def room(self, at: datetime) -> Room:
        """Return how many more requests this flow may make now."""
        with self._database.transaction() as connection:
            _lock(connection)
            use, org = self._count(connection, at), read_org_use(connection, self._org)
        hour, day = hour_headroom(self._rules, self.flow, use), None
        if org is not None:
            day = day_room(self._rules, self.flow, use, org)
            # Older figures stop nobody: the first request of the run brings new ones.
            day = min(day, org_room(self._rules, self.flow, use, org)) if _are_fresh(org, at) else day
        whole_hour = hour_headroom(self._rules, self.flow, Use({}, {}))
        return Room(max(0, hour), None if day is None else max(0, day), whole_hour)

    def _enter(self, connection: Connection, kind: str, at: datetime) -> int | _Refusal:
        _lock(connection)
        if closed := closed_for(connection, self._org, kind, self._holder, at):
            return _Refusal(closed)
        use, org = self._count(connection, at), read_org_use(connection, self._org)
        if refusal := self._check(connection, use, org, at):
            return refusal
        # Only now is it certain that the request is made, so it may be the one that tries.
        if org is not None and org_room(self._rules, self.flow, use, org) < 1:
            ask_anew(connection, self._org, at)
        probed = claim_probes(connection, self._org, kind, self._holder, at)
        entry = {"org": self._org, "at": at, "flow": self.flow, "kind": kind}
        number: int = connection.execute(
            insert(request_ledger).values(entry).returning(request_ledger.c.id)
        ).scalar_one()
        if probed:
            self._probes[number] = probed
        return number

    def _check(self, connection: Connection, use: Use, org: OrgUsage | None, at: datetime) -> _Refusal | None:
        if org is not None:
            if (room := day_room(self._rules, self.flow, use, org)) < 1:
                return self._refuse_day(connection, org, use, room, at)
            if _are_fresh(org, at) and org_room(self._rules, self.flow, use, org) < 1:
                return _refuse_for_org(org)
        if (room := hour_headroom(self._rules, self.flow, use)) < 1:
            return self._refuse_hour(connection, use, room, at)
        return None

    def _count(self, connection: Connection, at: datetime) -> Use:
        """Count by flow; a day is many rows, so it is counted once in a minute, and what came since is added."""
        day = self._day
        if day is None or not day.at <= at < day.at + _DAY_COUNT_LASTS:
            newest = connection.scalars(select(func.max(request_ledger.c.id))).one() or 0
            day = self._day = _DayCount(at, newest, self._by_flow(connection, request_ledger.c.at > at - DAY))
        since = self._since(connection, day.newest)
        return Use(
            hour=self._by_flow(connection, request_ledger.c.at > at - self._rules.hour),
            day={flow: day.by_flow.get(flow, 0) + since.get(flow, 0) for flow in {*day.by_flow, *since}},
        )

    def _by_flow(self, connection: Connection, condition: ColumnElement[bool]) -> dict[str, int]:
        rows = connection.execute(
            select(request_ledger.c.flow, func.count())
            .where(request_ledger.c.org == self._org, condition)
            .group_by(request_ledger.c.flow)
        )
        return {row[0]: row[1] for row in rows}

    def _since(self, connection: Connection, newest: int) -> dict[str, int]:
        # Not limited to the org: SQLite would go through all rows of the org instead of the newest ones.
        rows = connection.execute(
            select(request_ledger.c.org, request_ledger.c.flow, func.count())
            .where(request_ledger.c.id > newest)
            .group_by(request_ledger.c.org, request_ledger.c.flow)
        )
        return {row[1]: row[2] for row in rows if row[0] == self._org}

    def _refuse_hour(self, connection: Connection, use: Use, room: int, at: datetime) -> _Refusal:
        until = self._room_again(connection, self._rules.hour, room, at)
        made, allowed = sum(use.hour.values()), self._rules.per_hour
        return _Refusal(
            LimitReachedError(
                f"{made} Salesforce requests were made in the last hour and {allowed} are allowed"
                f"{self._for_others(made, allowed)}; the next run after {until:%H:%M} UTC goes on from here.",
                until=until,
            ),
            passes=True,
        )

    def _refuse_day(self, connection: Connection, org: OrgUsage, use: Use, room: int, at: datetime) -> _Refusal:
        until = self._room_again(connection, DAY, room, at)
        made, allowed = sum(use.day.values()), day_allowance(self._rules, org)
        return _Refusal(
            LimitReachedError(
                f"{made} Salesforce requests were made in the last 24 hours and {allowed} are this integration's share"
                f"{self._for_others(made, allowed)}; the next run after {until:%H:%M} UTC goes on from here.",
                until=until,
            )
        )

    def _for_others(self, made: int, allowed: int) -> str:
        kept = sorted(
            other for other, share in self._rules.kept.items() if share != Kept() and other != share_of(self.flow)
        )
        return f", the rest kept for {' and '.join(kept)}" if made < allowed else ""

    def _room_again(self, connection: Connection, span: timedelta, room: int, at: datetime) -> datetime:
        """Return when so many requests are older than `span` that there is room for one."""
        leaving = connection.scalars(
            select(request_ledger.c.at)
            .where(request_ledger.c.org == self._org, request_ledger.c.at > at - span)
            .order_by(request_ledger.c.at)
            .offset(-room)
            .limit(1)
        ).one_or_none()
        return (leaving or at) + span


def _lock(connection: Connection) -> None:
    """Let one process count and enter at a time; on SQLite, the transaction itself sees to that."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LEDGER_LOCK})


def _are_fresh(org: OrgUsage, at: datetime) -> bool:
    return at < org.seen_at + _FIGURES_LAST


def _refuse_for_org(org: OrgUsage) -> _Refusal:
    until = org.seen_at + _FIGURES_LAST
    return _Refusal(
        LimitReachedError(
            f"The Salesforce org has used {org.used} of its {org.allowed} requests of the last 24 hours, all programs "
            f"together, and the rest is left to others; Salesforce is asked again after {until:%H:%M} UTC.",
            until=until,
        )
    )
