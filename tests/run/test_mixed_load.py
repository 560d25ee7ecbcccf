"""All four flows from three processes, against an org that blocks for hours after one request too many."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from blocks.api_budget import ApiBudget
from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.budget.rules import Reservation
from crm_sync.database.tables.customers import salesforce_record
from crm_sync.moments.record_store import record_moments
from crm_sync.sobject import SObject
from tests.rigs.mixed_load import Ending, Job, Processes, let_hours_pass
from tests.rigs.moments import MomentRig, add_moment_objects
from tests.rigs.org import Rig, start_rig
from tests.rigs.pushes import CAMPAIGN, Pushes

pytestmark = pytest.mark.flow

AN_HOUR = 24
# Of which half are ours.
A_DAY = 100
_MOMENTS = 2_400
_PUSHED_AN_HOUR = 8
_MOST_HOURS = 12
_BACKGROUND = {"full_sync", "contact_moment_export"}
_DAY_IS_USED = "are this integration's share"


@pytest.fixture(scope="module")
def processes() -> Processes:
    """Return a source of processes."""
    return Processes()


class Load:
    """People that four flows change at once, with limits that are too small for all of it."""

    def __init__(self, rig: Rig, home: Path, processes: Processes) -> None:
        """Begin with everybody synced, and moments to be exported; all of that was a day ago."""
        self.rig, self._home, self._processes = rig, home, processes
        self.pushes = Pushes(rig, fields=["Title", "HasOptedOutOfEmail"])
        self.titles: dict[int, str] = {}
        self.hours: list[list[Ending]] = []
        add_moment_objects(rig)
        rig.sync()
        self.leads = [int(row["id"]) for row in self.pushes.people(SObject.LEAD)]
        self._record_moments([*self.leads, *(int(row["id"]) for row in self.pushes.people())])
        self._blocks = {name: f"load-{name}" for name in rig.blocks()}
        for name, block in rig.blocks().items():
            block.save(self._blocks[name], overwrite=True)
        let_hours_pass(rig, 25)
        rig.org.journal.clear()
        rig.org.settings.hourly_limit, rig.org.settings.daily_limit = AN_HOUR, A_DAY
        rig.org.settings.bulk_max_records = 12
        # Each hour begins with a session that has ended.
        rig.org.settings.session_lifetime = timedelta(minutes=30)

    def run(self) -> None:
        """Let hours pass until the background has done its work; in each, there is more to pull and to push."""
        left = set(_BACKGROUND)
        while left and len(self.hours) < _MOST_HOURS:
            hour = self._hour(left)
            self.hours.append(hour)
            left -= {ending.flow for ending in hour if ending.state.startswith("Completed")}
            let_hours_pass(self.rig, 23 if any(_DAY_IS_USED in ending.sentence for ending in hour) else 1)

    def ended(self, *flows: str) -> set[str]:
        """Return how these flows have ended in all hours."""
        return {ending.state for hour in self.hours for ending in hour if ending.flow in flows}

    def _hour(self, left: set[str]) -> list[Ending]:
        number = len(self.hours)
        live = [contact for contact in self.rig.people("Contact") if not contact["IsDeleted"]]
        for contact in live[number::40]:
            self.rig.org.records.update("Contact", contact["Id"], {"Title": f"Hour {number}"})
        chosen = self.leads[number * _PUSHED_AN_HOUR :][:_PUSHED_AN_HOUR]
        self.titles |= dict.fromkeys(chosen, f"Pushed in hour {number}")
        self.pushes.change(chosen, job_title=f"Pushed in hour {number}")
        self.pushes.change(chosen[:2], opt_in=False)
        self.pushes.enter(chosen)

        org = {name: self._blocks[name] for name in ("salesforce", "database")}
        step = SalesforceSynchronize(sobject=SObject.LEAD, fields=self.pushes.fields)
        work = [
            [
                Job("incremental_pull", self._blocks),
                Job("campaign_push", self._blocks | {"campaign": CAMPAIGN, "settings": step}),
            ],
            [Job("full_sync", self._blocks | {"objects": ["Contact"]})] if "full_sync" in left else [],
            [Job("contact_moment_export", org)] if "contact_moment_export" in left else [],
        ]
        return self._processes.run(self._home, work)

    def _record_moments(self, customers: list[int]) -> None:
        sent = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
        rows = [
            {"moment_id": f"m{n:05}", "customer_id": customers[n % len(customers)], "sent_at": sent, "subject": "News"}
            for n in range(_MOMENTS)
        ]
        with closing(self.rig.customers.open()) as database:
            record_moments(database, rows, sent)

    def most_in_an_hour(self) -> int:
        """Return how many requests the fullest rolling hour holds, by the org's own clock."""
        times = [entry.time for entry in self.rig.org.requests]
        return max(sum(start <= time < start + timedelta(hours=1) for time in times) for start in times)


@pytest.fixture
def load(tmp_path: Path, sqlite_url: str, prefect_home: Path, processes: Processes) -> Iterator[Load]:
    """Start the org; the settings of the budget are saved as a user saves them."""
    kept = {"keep_for_pull": Reservation(hour=15, day=20), "keep_for_push": Reservation(hour=30, day=30)}
    with start_rig(tmp_path, sqlite_url, people=300) as rig:
        prepared = Load(rig, prefect_home, processes)
        ApiBudget(requests_per_hour=AN_HOUR, **kept).save("budget", overwrite=True)
        yield prepared
        ApiBudget.delete("budget")


@pytest.mark.long
def test_three_processes_with_all_four_flows_are_never_blocked_and_lose_nothing(load: Load) -> None:
    load.run()

    asked = load.rig.org.requests
    assert {entry.status for entry in asked} <= {200, 201, 204, 401}
    assert load.most_in_an_hour() <= AN_HOUR
    assert load.rig.org.usage.blocked_until is None
    assert [entry.kind for entry in asked].count("login") == len(load.hours)
    # What people wait for is done in every hour; the background is cut by the hour and by the day, and done in the end.
    assert load.ended("incremental_pull", "campaign_push") == {"Completed"}
    said = [ending.sentence for hour in load.hours for ending in hour if ending.state == "CutByLimit"]
    assert any("in the last hour" in sentence for sentence in said)
    assert any(_DAY_IS_USED in sentence for sentence in said)
    assert "CompletedWithRejects" in load.ended("full_sync")
    assert "Completed" in load.ended("contact_moment_export")

    load.rig.org.settings.hourly_limit, load.rig.org.settings.daily_limit = None, 100_000
    load.rig.pull()
    there = {row["Id"]: row["SystemModstamp"] for name in ("Contact", "Lead") for row in load.rig.people(name)}
    here = {row["id"]: f"{row['system_modstamp']:%Y-%m-%dT%H:%M:%S}.000Z" for row in load.rig.rows(salesforce_record)}
    assert here == there
    titles = {row["Id"]: row["Title"] for row in load.rig.people("Lead")}
    assert {number: titles[load.pushes.customer(number)["salesforce_id"]] for number in load.titles} == load.titles
    moments = MomentRig(load.rig)
    shown = [*moments.shown(SObject.LEAD), *moments.shown(SObject.CONTACT)]
    assert sorted(shown) == sorted(moments.moments())
