"""An export that is killed is finished by the next one: nothing is there twice and nothing is lost."""

import signal
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from crm_sync.database.tables.moments import moment_export
from tests.rigs.kills import KillPoint, prepared_processes, run_and_die
from tests.rigs.moments import BULKY, MomentRig

pytestmark = pytest.mark.flow

Kill = Callable[[MomentRig, KillPoint], None]


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Return a source of processes that can be killed."""
    return prepared_processes("contact_moment_export")


@pytest.fixture
def kill(processes: ForkServerContext, prefect_home: Path) -> Kill:
    """Return a function that runs an export in a process that dies at a point."""

    def run_until(org: MomentRig, point: KillPoint) -> None:
        blocks = {"salesforce": org.rig.salesforce, "database": org.rig.customers}
        for parameter, block in blocks.items():
            block.save(f"killed-export-{parameter}", overwrite=True)
        names = {parameter: f"killed-export-{parameter}" for parameter in blocks}
        where = (PREFECT_API_URL.value(), str(prefect_home), point, names)
        process = processes.Process(target=run_and_die, args=(*where, "contact_moment_export"))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL

    return run_until


# By moment: the kill, and the moments that Salesforce and the customer database have then (None: not looked at).
KILLS: dict[str, tuple[KillPoint, int | None, int]] = {
    "before a request": (KillPoint("INSERT INTO request_ledger", "after", parameter="write"), 0, 0),
    "between Salesforce's commit and ours": (KillPoint("INSERT INTO moment_export", "before"), 1_000, 0),
    "after our commit": (KillPoint("INSERT INTO moment_export", "after"), 1_000, 1_000),
    "between the second commits": (KillPoint("INSERT INTO moment_export", "before", nth=2), 2_000, 1_000),
    "while a Bulk job writes": (KillPoint("INSERT INTO request_ledger", "after", parameter="bulk_poll"), None, 0),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("moment", KILLS)
def test_killed_export_is_finished_by_the_next(org: MomentRig, kill: Kill, moment: str) -> None:
    point, in_salesforce, stored = KILLS[moment]
    if point.parameter == "bulk_poll":
        org.record_many(BULKY, "grace")
    else:
        org.record_many(2_500, "ada")
    kill(org, point)
    ids = org.ids()
    assert len(ids) == (len(ids) if in_salesforce is None else in_salesforce)
    assert len(org.rows(moment_export)) == stored

    assert org.export().state == "Completed"

    org.assert_nothing_twice_nothing_lost()
    assert org.ids() | ids == org.ids(), "a record is written again, and not added again"
    assert {row["refusal"] for row in org.rows(moment_export)} == {None}
