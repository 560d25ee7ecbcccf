"""Two workers at one Prefect server on PostgreSQL, all four flows at once, and a power cut on one of the machines."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, PREFECT_HOME, temporary_settings
from prefect.states import Pending

from crm_sync.database.tables.customers import checkpoint, customer, request_ledger, sync_run
from crm_sync.moments.record_store import record_moments
from deployments.automations import apply_automations
from deployments.definitions import build_deployments
from deployments.deploy import deploy
from standins.salesforce.http.faults import Fault
from tasks.run.throttle import ALL_REQUESTS, BULK_REQUESTS, SLOTS_PER_REQUEST
from tests.deployments import team
from tests.rigs.databases import PostgresqlServer
from tests.rigs.moments import MomentRig, add_moment_objects
from tests.rigs.org import Rig, start_rig
from tests.rigs.pushes import CAMPAIGN, Pushes

pytestmark = pytest.mark.long

_PROJECT = Path(__file__).parents[2]
_POOL = "team"
_PEOPLE = 400
_PAGE = 100
_MOMENTS = 60
_PUSHED = 20
# Requests at once, and then a second: so few that the flows together have to wait for them.
_BURST, _PER_SECOND = 15, 3
# Between a request's turn and its answer, in which the org writes it down, other turns may come.
_UNDER_WAY = 6
# Of the automation that ends a lost run; a living one gives a sign every half minute.
_LOST_AFTER = timedelta(seconds=40)
# Of the one that ends a run which never began; on a busy machine, a process takes long to begin.
_NOT_BEGUN_AFTER = timedelta(seconds=90)
_ALL_FOUR = ("full-sync", "incremental-pull", "contact-moment-export", "campaign-push")
_ASKED: dict[str, dict[str, Any]] = {"campaign-push": {"campaign": CAMPAIGN}}


@dataclass
class Team:
    """The org, the customer database, and the Prefect server with its deployments."""

    rig: Rig
    client: SyncPrefectClient
    deployments: dict[str, UUID]

    def start(self, deployment: str, **parameters: Any) -> UUID:
        """Ask for a run, as a click in the UI does."""
        run = self.client.create_flow_run_from_deployment(self.deployments[deployment], parameters=parameters)
        return run.id

    def run(self, run_id: UUID) -> FlowRun:
        """Return a run as the server knows it."""
        return self.client.read_flow_run(run_id)

    def state(self, run_id: UUID) -> str | None:
        """Return the name of the final state of a run that has ended."""
        found = self.run(run_id)
        return found.state_name if found.state and found.state.is_final() else None

    def ended(self, *run_ids: UUID) -> list[str]:
        """Wait for the end of runs and return the names of their states."""
        return [team.until(partial(self.state, run_id), "a run has ended") for run_id in run_ids]

    def lives(self, *run_ids: UUID) -> bool:
        """Tell whether the server has had a heartbeat of each run."""
        asked = {"filter": {"event": {"name": ["prefect.flow-run.heartbeat"]}}, "limit": 50}
        events = self.client.request("POST", "/events/filter", json=asked).json()["events"]
        heard = {event["resource"]["prefect.resource.id"] for event in events}
        return {f"prefect.flow-run.{run_id}" for run_id in run_ids} <= heard

    def machine_of(self, run_id: UUID, machines: list[psutil.Process]) -> psutil.Process:
        """Return the worker that started a run."""
        process = int(str(self.run(run_id).infrastructure_pid).rpartition(":")[2])
        return next(one for one in machines if process in {child.pid for child in one.children(recursive=True)})


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresqlServer]:
    """Start the database server of the team."""
    with team.postgresql_with_extensions() as server:
        yield server


@pytest.fixture
def the_team(postgresql: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    """Start everything but the workers: people are synced, moments wait, and customers wait in a campaign."""
    monkeypatch.chdir(_PROJECT)
    prefects, customers = postgresql.new_database(migrated=False), postgresql.new_database()
    with (
        team.server_on_postgresql(next(prefects), tmp_path) as api_url,
        temporary_settings(
            {PREFECT_API_URL: api_url, PREFECT_HOME: tmp_path / "home", PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
        ),
        start_rig(tmp_path, next(customers), people=_PEOPLE) as rig,
        get_client(sync_client=True) as client,
    ):
        rig.org.settings.bulk_max_records = _PAGE
        _fill(rig)
        yield Team(rig, client, _deploy(rig, client))
    for database in (prefects, customers):
        next(database, None)


def _fill(rig: Rig) -> None:
    """Sync once, and leave work for each flow."""
    rig.sync()
    add_moment_objects(rig)
    now = datetime.now(UTC)
    people = rig.rows(customer)[:_MOMENTS]
    moments = [
        {"moment_id": f"m{row['id']}", "customer_id": row["id"], "sent_at": now - timedelta(days=1), "subject": "News"}
        for row in people
    ]
    with closing(rig.customers.open()) as database:
        record_moments(database, moments, now)
    pushes = Pushes(rig)
    pushes.enter_changed(_PUSHED)
    open_leads = [row["Id"] for row in rig.people("Lead") if not row["IsDeleted"] and not row["IsConverted"]]
    for lead in open_leads[:10]:
        rig.org.records.update("Lead", lead, {"LastName": "Renamed"})
    rig.org.records.insert("Contact", {"LastName": "Newcomer", "Email": "newcomer@planted.example"})


def _deploy(rig: Rig, client: SyncPrefectClient) -> dict[str, UUID]:
    """Save the blocks, deploy, and let nothing start by itself."""
    for name, block in zip(("salesforce", "customers", "mapping"), rig.blocks().values(), strict=True):
        block.save(name)
    Pushes(rig).settings().save("salesforce-synchronize")
    list(deploy(_POOL))
    apply_automations(lost_after=_LOST_AFTER, not_begun_after=_NOT_BEGUN_AFTER)
    for name, share in ((ALL_REQUESTS, 1.0), (BULK_REQUESTS, 0.8)):
        slots, per_second = (number * SLOTS_PER_REQUEST for number in (_BURST, _PER_SECOND))
        client.upsert_global_concurrency_limit_by_name(
            name, limit=round(slots * share), slot_decay_per_second=per_second * share
        )
    made = {deployment.name: client.read_deployment_by_name(deployment.full_name) for deployment in build_deployments()}
    for deployment in made.values():
        client.pause_deployment(deployment.id)
    return {name: deployment.id for name, deployment in made.items()}


def test_power_cut_on_one_of_two_machines_loses_nothing(the_team: Team, tmp_path: Path) -> None:
    rig, api_url = the_team.rig, str(PREFECT_API_URL.value())
    asked_before, ledger_before = len(rig.org.requests), len(rig.rows(request_ledger))
    # Handed to a machine that was lost before it began; while it is Pending, no other run of it begins.
    stuck = the_team.start("api-budget")
    the_team.client.set_flow_run_state(stuck, Pending())
    # The second page of contacts does not come: the full sync is in the middle, and stays there.
    rig.org.faults.add(Fault("delay", path=r"locator=", seconds=600))
    with (
        team.worker("one", _POOL, api_url, tmp_path / "one", limit=2) as one,
        team.worker("two", _POOL, api_url, tmp_path / "two", limit=2) as two,
    ):
        runs = {name: the_team.start(name, **_ASKED.get(name, {})) for name in _ALL_FOUR}
        team.until(lambda: any(row["locator"] for row in rig.rows(checkpoint)), "the first page is stored")
        team.until(lambda: the_team.lives(*runs.values()), "every run has given a sign of life")
        team.power_off(the_team.machine_of(runs["full-sync"], [one, two]))
        jobs = rig.jobs()

        ends = dict(zip(runs, the_team.ended(*runs.values()), strict=True))
        lost = [name for name, state in ends.items() if state == "Crashed"]
        again = [the_team.start(name, **_ASKED.get(name, {})) for name in lost]
        assert _are_complete(the_team.ended(*again))
        # The last word: whatever came first, the full sync's page or the push, Salesforce and customers agree now.
        assert _are_complete(the_team.ended(the_team.start("incremental-pull")))
        # One after the other: until the lost run has ended, its place is taken.
        assert the_team.ended(stuck) == ["Crashed"]
        assert the_team.ended(the_team.start("api-budget")) == ["Completed"]

    for machine in ("one", "two"):
        assert "submitting flow run" in (tmp_path / machine / "worker.log").read_text(), f"{machine} had nothing to do"
    assert "full-sync" in lost
    assert _are_complete([state for state in ends.values() if state != "Crashed"])
    assert rig.jobs() == jobs, "the next full sync began anew instead of going on"
    _assert_data_is_right(rig)
    asked = rig.org.requests[asked_before:]
    _assert_pace_was_kept([entry.time for entry in asked])
    # What the killed run had just entered was perhaps never sent, or never answered.
    entered = len(rig.rows(request_ledger)) - ledger_before
    assert len(asked) <= entered <= len(asked) + 2


def _are_complete(states: list[str]) -> bool:
    """Tell whether runs have done all that could be done; invented people have addresses that cannot be used."""
    return set(states) <= {"Completed", "CompletedWithRejects"}


def _assert_data_is_right(rig: Rig) -> None:
    """Hold the customers, the moments and the pushed values against the org."""
    people = [row for sobject in ("Lead", "Contact") for row in rig.people(sobject) if not row["IsDeleted"]]
    live = [row for row in rig.rows(customer) if not row["deleted_in_salesforce_at"]]
    assert {row["unique_key"] for row in live} == {row["Email"].strip().casefold() for row in people if row["Email"]}
    by_id = {row["Id"]: row for row in people}
    for row in live:
        person = by_id[row["salesforce_id"]]
        assert (row["lastname"], row["job_title"]) == (person["LastName"], person["Title"]), row["id"]
    MomentRig(rig).assert_nothing_twice_nothing_lost()
    outputs = Pushes(rig).outputs()
    assert len({row["customer_id"] for row in outputs}) == _PUSHED
    assert Pushes(rig).waiting() == []
    assert "interrupted" in {row["state"] for row in rig.rows(sync_run)}


def _assert_pace_was_kept(times: list[datetime]) -> None:
    """Count what came between any two requests."""
    for first, start in enumerate(times):
        for last, end in enumerate(times[first:], first):
            allowed = _BURST + _PER_SECOND * (end - start).total_seconds() + _UNDER_WAY
            assert last - first + 1 <= allowed
