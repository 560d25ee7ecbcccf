"""A push that is killed is finished by the next one, and two at once share the members."""

import signal
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.database.tables.customers import sync_run
from tests.rigs.kills import KillPoint, prepared_processes, run_and_die
from tests.rigs.pushes import CAMPAIGN, Pushes, start_pushes

pytestmark = pytest.mark.flow

Kill = Callable[[Pushes, KillPoint], None]
Start = Callable[[Pushes, KillPoint], ForkServerProcess]
_STEP = "salesforce-synchronize"
# By what was done last: the point, and whether the next push has anything left.
KILLS = {
    "answered": (KillPoint("INSERT INTO campaign_output", "before"), True),
    "stored": (KillPoint("INSERT INTO campaign_output", "after"), False),
    "claimed": (KillPoint("UPDATE campaign_member SET claimed_by", "after"), True),
    "sent": (KillPoint("INSERT INTO request_ledger", "after", parameter="write"), True),
}
NOWHERE = KillPoint("no such statement", "before")


@pytest.fixture
def both_pushes(tmp_path: Path, database_url: str) -> Iterator[Pushes]:
    """Give the same, once with SQLite and once with PostgreSQL."""
    with start_pushes(tmp_path, database_url) as started:
        yield started


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Return a source of processes that can be killed."""
    return prepared_processes("campaign_push")


@pytest.fixture
def start(processes: ForkServerContext, prefect_home: Path) -> Iterator[Start]:
    """Give a function that pushes in a process of its own, which dies at a point if it comes there."""

    def start_push(pushes: Pushes, point: KillPoint) -> ForkServerProcess:
        blocks = pushes.rig.blocks() | {"settings": pushes.settings()}
        names = {parameter: f"killed-push-{parameter}" for parameter in blocks}
        names["settings"] = _STEP
        for parameter, block in blocks.items():
            block.save(names[parameter], overwrite=True)
        where = (PREFECT_API_URL.value(), str(prefect_home), point, names | {"campaign": CAMPAIGN})
        process = processes.Process(target=run_and_die, args=(*where, "campaign_push"))
        process.start()
        return process

    yield start_push
    # Elsewhere a block of that name is what a deployment's form picks.
    SalesforceSynchronize.delete(_STEP)


@pytest.fixture
def kill(start: Start) -> Kill:
    """Return a function that pushes in a process that dies at a point."""

    def push_until(pushes: Pushes, point: KillPoint) -> None:
        process = start(pushes, point)
        process.join()
        assert process.exitcode == -signal.SIGKILL

    return push_until


@pytest.mark.sample(2)
@pytest.mark.parametrize("last", KILLS)
def test_killed_push_is_finished_by_the_next(both_pushes: Pushes, kill: Kill, last: str) -> None:
    point, leaves_some = KILLS[last]
    ids = both_pushes.enter_changed(20, job_title=last)
    kill(both_pushes, point)

    result = both_pushes.push()

    assert result.waiting == 0
    assert result.success == (set(ids) if leaves_some else set())
    assert result.conflicts == {}
    assert both_pushes.agree(ids, last)
    assert [row["state"] for row in both_pushes.rig.rows(sync_run)].count("interrupted") == 1


def test_two_processes_share_a_queue(both_pushes: Pushes, start: Start) -> None:
    ids = both_pushes.enter_changed(100)
    both_pushes.rig.org.journal.clear()

    workers = [start(both_pushes, NOWHERE) for _ in range(2)]
    for worker in workers:
        worker.join()

    assert [worker.exitcode for worker in workers] == [0, 0]
    assert sorted(row["customer_id"] for row in both_pushes.outputs()[-100:]) == ids
    assert both_pushes.waiting() == []
    assert both_pushes.rig.requests() == ["composite"] * 2, "each record was written once"
    assert both_pushes.agree(ids)
