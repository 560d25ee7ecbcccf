"""What goes wrong on the way: the run completes, or stops so that the next one completes it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State
from sqlalchemy import create_engine, insert

from crm_sync.database.engine import parse_url
from crm_sync.database.tables.budget import breaker
from crm_sync.database.tables.customers import customer, request_ledger, sync_run
from crm_sync.errors import AuthorizationError, JobFailedError, LimitReachedError
from crm_sync.pull.summary import SyncSummary
from standins.salesforce.http.faults import Fault
from tests.rigs.breakers import let_the_pause_pass
from tests.rigs.databases import copy_sqlite
from tests.rigs.org import Result, Rig, start_rig

pytestmark = pytest.mark.flow

_LOGIN, _DESCRIBE, _CREATE, _POLL, _RESULTS = "/Soap/", "/describe", "/jobs/query$", r"/jobs/query/\w+$", "/results"
_REQUESTS = (_LOGIN, _DESCRIBE, _CREATE, _POLL, _RESULTS)
_ACTIONS: tuple[dict[str, Any], ...] = (
    {"action": "reset"},
    {"action": "reset_after"},
    {"action": "truncate", "keep": 20},
    {"action": "html", "status": 500},
    {"action": "html", "status": 502},
    {"action": "html", "status": 503},
    {"action": "empty", "status": 503},
)
_DAY_IS_OVER = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
_TOO_MANY_AT_ONCE = [
    {"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentPerOrgLongTxn Limit exceeded."},
]


@pytest.fixture(scope="module")
def untroubled(prefect_home: object, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return what a run comes to in which nothing goes wrong; every org here has the same people."""
    folder = tmp_path_factory.mktemp("untroubled")
    with start_rig(folder, f"sqlite:///{folder}/customers.db") as rig:
        rig.sync()
        return rig.result()


def test_runs_outlive_a_broken_answer_of_every_kind_of_request(
    tmp_path: Path, migrated_sqlite: Path, untroubled: Result
) -> None:
    """Every run has each kind of request broken once, each in another way; all runs together, in every way."""
    for turn in range(len(_ACTIONS)):
        own = tmp_path / str(turn)
        own.mkdir()
        copy_sqlite(migrated_sqlite, own / "customers.db")
        with start_rig(own, f"sqlite:///{own}/customers.db") as rig:
            for place, path in enumerate(_REQUESTS):
                rig.org.faults.add(Fault(path=path, **_ACTIONS[(turn + place) % len(_ACTIONS)]))

            used = rig.sync().requests_used

            assert rig.result() == untroubled
            assert used == len(rig.org.requests) == len(rig.rows(request_ledger)) == 10 + len(_REQUESTS)


def test_session_that_ends_between_pages_logs_in_once(rig: Rig, untroubled: Result) -> None:
    rig.org.settings.bulk_max_records = 150
    rig.org.faults.add(Fault("expire_session", path=_RESULTS, nth=2))

    rig.sync()

    assert rig.requests().count("login") == 2
    assert rig.result() == untroubled


def test_short_limit_on_concurrent_calls_is_waited_for(rig: Rig, untroubled: Result) -> None:
    rig.org.faults.add(Fault("status", path=_CREATE, status=403, body=_TOO_MANY_AT_ONCE))

    assert rig.state().is_completed()
    assert rig.result() == untroubled
    assert rig.rows(breaker) == []


def test_slow_job_outlives_more_single_faults_than_a_request_has_tries(rig: Rig, untroubled: Result) -> None:
    rig.org.settings.bulk_polls = 24
    rig.org.faults.add(*(Fault("status", path=_POLL, nth=look) for look in range(1, 15, 2)))

    assert rig.state().is_completed()
    assert rig.result() == untroubled


def test_job_that_salesforce_fails_ends_the_run_with_its_reason(rig: Rig) -> None:
    rig.org.bulk_jobs.fail_next("InternalServerError : Error during execution")

    state = rig.state()

    assert (state.name, state.is_failed()) == ("Failed", True)
    assert "Error during execution" in str(state.message)
    assert isinstance(_error(state), JobFailedError)
    assert [row["state"] for row in rig.rows(sync_run)] == ["Failed"]


def test_job_that_somebody_aborts_ends_the_run(rig: Rig) -> None:
    rig.org.faults.add(Fault("status", path=_POLL, status=403, body=_DAY_IS_OVER))
    rig.state()
    let_the_pause_pass(rig)
    for job in rig.org.bulk_jobs.all():
        job.state = "Aborted"

    state = rig.state()

    assert (state.name, state.is_failed()) == ("Failed", True)
    assert "Aborted" in str(state.message)


def test_day_that_is_used_up_cuts_the_run_and_the_next_completes_it(both_rigs: Rig, untroubled: Result) -> None:
    both_rigs.org.faults.add(Fault("status", path="/results", nth=2, status=403, body=_DAY_IS_OVER))

    with pytest.raises(LimitReachedError, match="last 24 hours"):
        both_rigs.sync()

    assert [row["state"] for row in both_rigs.rows(sync_run)] == ["CutByLimit"]
    assert {row["sobject"] for row in both_rigs.checkpoints()} == {"Contact", "Lead"}
    assert both_rigs.rows(customer), "the cut has to come after something was stored, for this to mean anything"
    let_the_pause_pass(both_rigs)
    jobs = both_rigs.jobs()
    both_rigs.sync()
    assert both_rigs.jobs() == jobs
    assert both_rigs.result() == untroubled


def test_cut_run_says_so_in_its_state(rig: Rig) -> None:
    rig.org.faults.add(Fault("status", path="/describe", status=403, body=_DAY_IS_OVER))

    state = rig.state()

    assert (state.name, state.is_failed()) == ("CutByLimit", True)
    assert "next run goes on" in str(state.message)


def test_hour_that_is_nearly_used_up_cuts_the_run_and_the_next_completes_it(
    both_rigs: Rig, untroubled: Result, caplog: pytest.LogCaptureFixture
) -> None:
    """Other flows have made all but eight of the requests that are not kept for the pull, the push and withdrawals."""
    _fill_ledger(both_rigs, 3600 - 36 - 72 - 36 - 8)

    with pytest.raises(LimitReachedError, match="in the last hour"):
        both_rigs.sync()

    assert "About 8 Salesforce requests; left are 4 in this hour" in caplog.text
    assert both_rigs.requests().count("bulk_jobs") == 2
    _empty_ledger(both_rigs)
    both_rigs.sync()
    assert both_rigs.result() == untroubled


def test_lack_of_a_permission_ends_the_run_without_a_second_try(rig: Rig) -> None:
    refusal = [{"errorCode": "INSUFFICIENT_ACCESS", "message": "insufficient access rights on object id"}]
    rig.org.faults.add(Fault("status", path=_CREATE, status=403, body=refusal))

    with pytest.raises(AuthorizationError, match="permission"):
        rig.sync()

    assert rig.requests().count("bulk_jobs") == 1


def _error(state: State[SyncSummary]) -> object:
    return state.result(raise_on_failure=False)


def _fill_ledger(rig: Rig, requests: int) -> None:
    row = {"org": rig.salesforce.username, "at": datetime.now(UTC), "flow": "another", "kind": "query", "status": 200}
    _execute(rig, insert(request_ledger), [row] * requests)


def _empty_ledger(rig: Rig) -> None:
    _execute(rig, request_ledger.delete(), None)


def _execute(rig: Rig, statement: Any, rows: Any) -> None:
    rig.customers.open().close()
    engine = create_engine(parse_url(rig.customers.url.get_secret_value()))
    with engine.begin() as connection:
        connection.execute(statement, rows)
    engine.dispose()
