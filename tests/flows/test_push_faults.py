"""What goes wrong while customers are written: each leaves by one output, and the record agrees with it."""

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL
from sqlalchemy import insert

from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.customers.tables import customer, request_ledger, sync_run
from standins.salesforce.faults import Fault
from tests.flows.conftest import Rig, start_rig
from tests.flows.killed_run import KillPoint, prepared_processes, run_and_die
from tests.flows.push_rig import CAMPAIGN, Pushes, holds

Kill = Callable[[Pushes, KillPoint], None]
Start = Callable[[Pushes, KillPoint], ForkServerProcess]
_DAY_IS_OVER = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
_STEP = "salesforce-synchronize"
_COMPOSITE, _INGEST, _JOB = "/composite$", "/jobs/ingest$", r"/jobs/ingest/\w+$"

CLAIMED = KillPoint("UPDATE campaign_member SET claimed_by", "after")
SENDING = KillPoint("INSERT INTO request_ledger", "after", parameter="write")
STORING = KillPoint("INSERT INTO campaign_output", "before")
STORED = KillPoint("INSERT INTO campaign_output", "after")
NOWHERE = KillPoint("this is never said", "before")


@pytest.fixture
def pushes(rig: Rig) -> Pushes:
    """Give a synced org whose fields are known."""
    return _ready(rig)


@pytest.fixture
def both_pushes(both_rigs: Rig) -> Pushes:
    """Give the same, once with SQLite and once with PostgreSQL."""
    return _ready(both_rigs)


def _ready(rig: Rig) -> Pushes:
    rig.sync()
    started = Pushes(rig)
    started.enter_changed(1, job_title="First")
    started.push()
    return started


def _agrees(pushes: Pushes, ids: list[int], title: str = "Navigator") -> bool:
    """Tell whether exactly those records hold the title whose customers' last output is success."""
    last = {row["customer_id"]: row["output"] for row in pushes.outputs()}
    members = [row["member_id"] for row in pushes.outputs()]
    titles = {row["Id"]: row["Title"] for row in pushes.rig.people("Contact")}
    records = {row["id"]: row["salesforce_id"] for row in pushes.rig.rows(customer)}
    written = {one for one in ids if titles[records[one]] == title}
    return len(members) == len(set(members)) and written == {one for one in ids if last.get(one) == "success"}


@pytest.mark.parametrize("action", ["reset", "reset_after", "truncate", "html"])
def test_lost_answer_is_made_good(pushes: Pushes, action: str) -> None:
    ids = pushes.enter_changed(20)
    # The first composite is the look.
    pushes.rig.org.faults.add(Fault(action, path=_COMPOSITE, nth=2))  # type: ignore[arg-type]  # one of its words

    assert pushes.push().success == set(ids)

    assert _agrees(pushes, ids)


def test_locked_records_are_sent_again_and_only_they(both_pushes: Pushes) -> None:
    ids = both_pushes.enter_changed(20)
    locked = [both_pushes.customer(one)["salesforce_id"] for one in ids[:2]]
    both_pushes.rig.org.refusals.add(*locked)

    result = both_pushes.push()

    assert result.success == set(ids)
    assert both_pushes.rig.requests() == ["composite"] * 3
    assert _agrees(both_pushes, ids)


def test_record_that_stays_locked_leaves_by_error_and_can_be_retried(pushes: Pushes) -> None:
    ids = pushes.enter_changed(20)
    pushes.rig.org.refusals.add(pushes.customer(ids[0])["salesforce_id"], times=1000)

    result = pushes.push()

    assert result.error == {ids[0]}
    assert result.success == set(ids[1:])
    assert [(cause.code, cause.can_retry) for cause in result.causes] == [("UNABLE_TO_LOCK_ROW", True)]
    assert _agrees(pushes, ids)
    pushes.rig.org.refusals.clear()
    again = pushes.retry("UNABLE_TO_LOCK_ROW")
    assert again.success == again.continued == {ids[0]}
    assert _agrees(pushes, ids)


def test_limit_midway_sends_the_rest_to_limit_without_a_further_call(both_pushes: Pushes) -> None:
    ids = both_pushes.enter_changed(20)
    both_pushes.rig.org.refusals.add(both_pushes.customer(ids[0])["salesforce_id"])
    both_pushes.rig.org.faults.add(Fault("status", path=_COMPOSITE, nth=3, status=403, body=_DAY_IS_OVER))

    state = both_pushes.state()
    result = state.result()

    assert (state.name, state.is_completed()) == ("CutByLimit", True)
    assert result.limit == {ids[0]}
    assert result.success == set(ids[1:])
    assert holds(result)
    assert both_pushes.rig.requests() == ["composite"] * 3
    assert _agrees(both_pushes, ids)
    again = both_pushes.retry()
    assert again.success == again.continued == {ids[0]}
    assert _agrees(both_pushes, ids)


def test_used_up_hour_sends_everyone_to_limit_and_asks_nothing(both_pushes: Pushes) -> None:
    ids = both_pushes.enter_changed(20)
    same = both_pushes.people()[30]["id"]
    both_pushes.enter([same])
    org = both_pushes.rig.salesforce.username
    # There is room again in five minutes; a push does not wait for it.
    at = datetime.now(UTC) - timedelta(minutes=55)
    row = {"org": org, "at": at, "flow": "another", "kind": "query", "status": 200}
    both_pushes.execute(insert(request_ledger).values([row] * 3600))

    state = both_pushes.state()

    assert state.name == "CutByLimit"
    result = state.result()
    assert result.limit == set(ids)
    assert result.success == {same}
    assert result.error == set()
    assert both_pushes.rig.requests() == []


def test_refusal_of_a_whole_part_by_the_limit_is_limit(pushes: Pushes) -> None:
    ids = pushes.enter_changed(20)
    fault = Fault("status", path="/composite/sobjects", status=403, body=_DAY_IS_OVER, inner=True)
    pushes.rig.org.faults.add(fault)

    assert pushes.push().limit == set(ids)

    assert _agrees(pushes, ids)


def test_limit_after_a_lost_answer_leaves_the_doubtful_in_the_queue(both_pushes: Pushes) -> None:
    """They were written, though nobody heard of it: neither limit nor success would be known to be true."""
    ids = both_pushes.enter_changed(20)
    both_pushes.rig.org.faults.add(Fault("reset_after", path=_COMPOSITE, nth=2))
    # Counted from the look on; the request that was cut is not seen by this rule.
    both_pushes.rig.org.faults.add(Fault("status", path=_COMPOSITE, nth=2, status=403, body=_DAY_IS_OVER))

    state = both_pushes.state()

    result = state.result()
    assert state.name == "CutByLimit"
    assert (len(result.continued), result.waiting) == (0, 20)
    after = both_pushes.retry()
    assert after.success == set(ids)
    assert after.written == 0, "Salesforce was seen to have the values already"
    assert _agrees(both_pushes, ids)


def test_withdrawals_of_consent_go_first(pushes: Pushes) -> None:
    ids = pushes.enter_changed(150)
    pushes.change(ids[120:130], opt_in=False)
    pushes.rig.org.settings.daily_limit = 100_000

    pushes.push()

    order = [row["customer_id"] for row in pushes.outputs()]
    opted_out = {row["Id"] for row in pushes.rig.people("Contact") if row["HasOptedOutOfEmail"]}
    assert {pushes.customer(one)["salesforce_id"] for one in ids[120:130]} <= opted_out
    assert set(order) >= set(ids)


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


@pytest.mark.parametrize("point", [CLAIMED, SENDING, STORING, STORED], ids=["claimed", "sending", "storing", "stored"])
def test_killed_push_is_finished_by_the_next(both_pushes: Pushes, point: KillPoint, kill: Kill) -> None:
    ids = both_pushes.enter_changed(20)
    kill(both_pushes, point)

    result = both_pushes.push()

    assert result.waiting == 0
    assert result.success == (set() if point is STORED else set(ids))
    assert result.conflicts == {}
    assert _agrees(both_pushes, ids)
    assert "interrupted" in [row["state"] for row in both_pushes.rig.rows(sync_run)]


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
    assert _agrees(both_pushes, ids)


@pytest.fixture(scope="module")
def large_org(tmp_path_factory: pytest.TempPathFactory, prefect_home: Path) -> Iterator[Pushes]:
    """Give an org with so many contacts that they go by a Bulk job; every test gives them a title of its own."""
    folder = tmp_path_factory.mktemp("large")
    with start_rig(folder, f"sqlite:///{folder / 'customers.db'}", people=6_200) as rig:
        yield _ready(rig)


@pytest.fixture
def bulky(large_org: Pushes) -> Iterator[Pushes]:
    """Give it, and forget how it was told to fail."""
    yield large_org
    large_org.rig.org.refusals.clear()
    large_org.rig.org.faults.clear()


def test_bulk_job_maps_success_and_failure_to_the_outputs(bulky: Pushes) -> None:
    ids = bulky.enter_changed(3_100, job_title="Pilot")
    refused = bulky.customer(ids[7])["salesforce_id"]
    bulky.rig.org.refusals.add(refused, code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="No.")

    result = bulky.push(fields=["Title"])

    assert result.error == {ids[7]}
    assert len(result.success) == 3_099
    assert bulky.rig.requests() == ["composite", "ingest_jobs", "ingest_job", "ingest_results"]
    assert holds(result)
    assert _agrees(bulky, ids, "Pilot")


def test_bulk_job_that_ends_early_has_its_unprocessed_records_sent_again(bulky: Pushes) -> None:
    ids = bulky.enter_changed(3_100, job_title="Captain")
    bulky.rig.org.ingest_jobs.end_next("Failed", "InternalServerError : Error during execution", after_rows=2_900)

    result = bulky.push(fields=["Title"])

    assert result.success == set(ids)
    assert _agrees(bulky, ids, "Captain")


def test_limit_before_a_bulk_job_comes_after_the_withdrawals_of_consent(bulky: Pushes) -> None:
    ids = bulky.enter_changed(3_100, job_title="Purser")
    bulky.change(ids[3_000:3_010], opt_in=False)
    bulky.rig.org.faults.add(Fault("status", path=_INGEST, status=403, body=_DAY_IS_OVER))

    result = bulky.push(fields=["Title", "HasOptedOutOfEmail"])

    assert result.success == set(ids[3_000:3_010])
    assert len(result.limit) == 3_090
    assert _agrees(bulky, ids, "Purser")


def test_limit_after_a_bulk_job_has_begun_leaves_its_members_to_the_next_run(bulky: Pushes) -> None:
    ids = bulky.enter_changed(3_100, job_title="Bosun")
    bulky.rig.org.faults.add(Fault("status", path=_JOB, status=403, body=_DAY_IS_OVER))

    cut = bulky.push(fields=["Title"])

    assert (cut.state, len(cut.continued), cut.waiting) == ("CutByLimit", 0, 3_100)
    result = bulky.push(fields=["Title"])
    assert result.success == set(ids)
    assert result.written == 0
    assert _agrees(bulky, ids, "Bosun")
