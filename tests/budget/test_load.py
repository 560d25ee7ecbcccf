"""Four flows that want more than there is, against an org that blocks for hours after one request too many."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import LimitReachedError
from crm_sync.requests import RequestKind
from crm_sync.salesforce.http.transport import Transport
from crm_sync.salesforce.login.logins import Session, UserPasswordLogin
from crm_sync.salesforce.org import SalesforceOrg
from standins.salesforce.org.org import Org
from standins.salesforce.org.settings import OrgSettings
from standins.salesforce.server import Server
from tests.rigs.budget import HOUR, NOON, ledger, rules
from tests.salesforce.conftest import Store

PER_HOUR = 60
RULES = rules(PER_HOUR, pull=(10, 10), push=(5, 10))


@dataclass
class Worker:
    """A flow that asks again and again: at once when `every` is nothing, else once in that time."""

    flow: str
    org: SalesforceOrg
    every: timedelta = timedelta(0)
    due: datetime = NOON
    wanted: datetime = NOON
    waits: list[timedelta] = field(default_factory=list)
    made: int = 0

    def work(self, now: datetime) -> None:
        """Make the request that is due, or come back when there is room."""
        try:
            self.org.request("GET", "limits", RequestKind.LIMITS)
        except LimitReachedError as refusal:
            self.due = max(refusal.until or now, now + timedelta(milliseconds=1))
            return
        self.made += 1
        self.waits.append(now - self.wanted)
        self.wanted = self.due = max(self.wanted + self.every, now)


class Load:
    """The flows, their processes and the org, in one simulated time."""

    def __init__(self, database: CustomerDatabase, org: Org, server: Server) -> None:
        """Open each flow's own way to the org; they share the session and the ledger."""
        self.now, self.org = NOON, org
        org.clock = org.usage._clock = lambda: self.now
        store = Store()
        flows = {
            "full_sync": timedelta(0),
            "contact_moment_export": timedelta(0),
            "incremental_pull": timedelta(minutes=10),
            "campaign_push": timedelta(minutes=20),
        }
        self.workers = [Worker(flow, self._way(database, server, flow, store), every) for flow, every in flows.items()]

    def _way(self, database: CustomerDatabase, server: Server, flow: str, store: Store) -> SalesforceOrg:
        counting = ledger(database, flow, RULES, clock=lambda: self.now)
        transport = Transport(throttle=lambda: None, ledger=counting, clock=lambda: self.now, endpoint_url=server.url)
        settings = self.org.settings
        login = UserPasswordLogin(
            username=settings.username, password=settings.password, security_token=settings.security_token
        )
        return SalesforceOrg(login, transport, store)

    def run(self, hours: int) -> None:
        """Let so many hours pass."""
        end = self.now + hours * HOUR
        while (worker := min(self.workers, key=lambda worker: worker.due)).due < end:
            self.now = max(self.now, worker.due)
            worker.work(self.now)
        self.now = end

    def close(self) -> None:
        """Give back the connections."""
        for worker in self.workers:
            worker.org.close()

    def worker(self, flow: str) -> Worker:
        """Return the worker of a flow."""
        return next(worker for worker in self.workers if worker.flow == flow)


@contextmanager
def started(database: CustomerDatabase, **settings: object) -> Iterator[Load]:
    with Org(OrgSettings(**settings)) as org, Server(org) as server:  # type: ignore[arg-type]  # a few of its fields
        load = Load(database, org, server)
        yield load
        load.close()


def most_in_an_hour(times: list[datetime]) -> int:
    """Return how many there are in the fullest rolling hour."""
    return max(sum(start <= time < start + HOUR for time in times) for start in times)


def test_no_hour_holds_too_many_none_is_wasted_and_pull_and_push_never_wait(database: CustomerDatabase) -> None:
    hours = 4
    with started(database, hourly_limit=PER_HOUR, block_for=timedelta(hours=4)) as load:
        load.run(hours)

    times = [entry.time for entry in load.org.requests]
    assert {entry.status for entry in load.org.requests} == {200}
    assert most_in_an_hour(times) <= PER_HOUR
    assert len(times) >= 0.95 * PER_HOUR * hours
    assert load.worker("incremental_pull").made == 6 * hours
    assert load.worker("campaign_push").made == 3 * hours
    for flow in ("incremental_pull", "campaign_push"):
        assert max(load.worker(flow).waits) <= timedelta(minutes=1)


def test_our_share_of_the_day_is_kept_and_lasts_longest_for_pull_and_push(database: CustomerDatabase) -> None:
    with started(database, daily_limit=400) as load:
        load.run(12)

    made = {worker.flow: worker.made for worker in load.workers}
    assert load.org.usage.used <= 200
    assert len([entry for entry in load.org.requests if entry.status != 200]) == 0
    # The background stops first; until their own share is gone, the other two go on.
    assert made["full_sync"] + made["contact_moment_export"] <= 200 - 20 - 20
    assert made["incremental_pull"] >= 20
    assert made["campaign_push"] >= 20


def test_requests_of_other_programs_stop_the_background_first(database: CustomerDatabase) -> None:
    with started(database, daily_limit=1000, used_elsewhere=690) as load:
        load.run(2)
        made = {worker.flow: worker.made for worker in load.workers}
        before = len(load.org.requests)
        load.org.settings.used_elsewhere = 795
        load.run(2)

    # One that finds out, and then one every quarter of an hour.
    assert len(load.org.requests) - before <= 1 + 8
    assert made["full_sync"] + made["contact_moment_export"] < 20
    assert made["incremental_pull"] == 12


def test_after_a_block_by_the_org_one_probe_at_a_time_until_it_is_over(database: CustomerDatabase) -> None:
    with started(database) as load:
        load.run(1)
        load.org.usage.blocked_until = load.now + 2 * HOUR
        before = len(load.org.requests)
        _run_through_refusals(load, hours=4)

    after = load.org.requests[before:]
    refused = [entry.time for entry in after if entry.status == 403]
    # At once, then after 15, 30 and 60 minutes more: the last of these finds it open, or the next one does.
    assert 3 <= len(refused) <= 4
    assert all(later - earlier >= timedelta(minutes=15) for earlier, later in pairwise(refused))
    assert after[-1].status == 200


def _run_through_refusals(load: Load, hours: int) -> None:
    end = load.now + hours * HOUR
    while (worker := min(load.workers, key=lambda worker: worker.due)).due < end:
        load.now = max(load.now, worker.due)
        try:
            worker.org.request("GET", "limits", RequestKind.LIMITS)
            worker.due = load.now + timedelta(minutes=1)
        except LimitReachedError as refusal:
            worker.due = max(refusal.until or load.now, load.now + timedelta(seconds=1))


def test_session_is_shared(database: CustomerDatabase) -> None:
    with started(database) as load:
        load.run(1)
    assert [entry.kind for entry in load.org.requests].count("login") == 1
    assert isinstance(load.worker("full_sync").org.session, Session)
