"""What goes wrong while customers are written: each leaves by one output, and the record agrees with it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from crm_sync.database.tables.customers import request_ledger
from standins.salesforce.http.faults import Action, Fault
from tests.rigs.pushes import Pushes, holds, start_pushes

pytestmark = pytest.mark.flow

_DAY_IS_OVER = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
_COMPOSITE, _INGEST, _JOB = "/composite$", "/jobs/ingest$", r"/jobs/ingest/\w+$"


@pytest.fixture
def pushes(tmp_path: Path, sqlite_url: str) -> Iterator[Pushes]:
    """Give a synced org whose fields are known."""
    with start_pushes(tmp_path, sqlite_url) as started:
        yield started


@pytest.fixture
def both_pushes(tmp_path: Path, database_url: str) -> Iterator[Pushes]:
    """Give the same, once with SQLite and once with PostgreSQL."""
    with start_pushes(tmp_path, database_url) as started:
        yield started


def test_lost_answer_is_made_good(pushes: Pushes) -> None:
    actions: tuple[Action, ...] = ("reset", "reset_after", "truncate", "html")
    for action in actions:
        ids = pushes.enter_changed(20, job_title=action)
        # The first composite is the look.
        pushes.rig.org.faults.add(Fault(action, path=_COMPOSITE, nth=2))

        assert pushes.push().success == set(ids), action

        assert pushes.agree(ids, action), action


def test_org_that_takes_shorter_requests_gets_them(pushes: Pushes) -> None:
    ids = pushes.enter_changed(60)
    pushes.rig.org.settings.longest_body = 4_500

    result = pushes.push()

    assert result.success == set(ids)
    assert pushes.agree(ids)
    assert {entry.status for entry in pushes.rig.org.requests} == {200, 413}


def test_locked_records_are_sent_again_and_only_they(both_pushes: Pushes) -> None:
    ids = both_pushes.enter_changed(20)
    locked = [both_pushes.customer(one)["salesforce_id"] for one in ids[:2]]
    both_pushes.rig.org.refusals.add(*locked)

    result = both_pushes.push()

    assert result.success == set(ids)
    assert both_pushes.rig.requests() == ["composite"] * 3
    assert both_pushes.agree(ids)


def test_record_that_stays_locked_leaves_by_error_and_can_be_retried(pushes: Pushes) -> None:
    ids = pushes.enter_changed(20)
    pushes.rig.org.refusals.add(pushes.customer(ids[0])["salesforce_id"], times=1000)

    result = pushes.push()

    assert result.error == {ids[0]}
    assert result.success == set(ids[1:])
    assert [(cause.code, cause.can_retry) for cause in result.causes] == [("UNABLE_TO_LOCK_ROW", True)]
    assert pushes.agree(ids)
    pushes.rig.org.refusals.clear()
    again = pushes.retry("UNABLE_TO_LOCK_ROW")
    assert again.success == again.continued == {ids[0]}
    assert pushes.agree(ids)


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
    assert both_pushes.agree(ids)
    again = both_pushes.retry()
    assert again.success == again.continued == {ids[0]}
    assert both_pushes.agree(ids)


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

    assert pushes.agree(ids)


def test_limit_after_a_lost_answer_leaves_the_doubtful_in_the_queue(both_pushes: Pushes) -> None:
    """They were written, and the answer was lost: neither limit nor success would be known to be true."""
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
    assert both_pushes.agree(ids)


def test_withdrawals_of_consent_go_first(pushes: Pushes) -> None:
    ids = pushes.enter_changed(150)
    pushes.change(ids[120:130], opt_in=False)
    # A look and a write for the withdrawals, and the look of the push.
    pushes.rig.org.faults.add(Fault("status", path=_COMPOSITE, nth=3, status=403, body=_DAY_IS_OVER))

    result = pushes.push()

    assert pushes.have_opted_out(ids[120:130])
    assert result.limit == set(ids)


@pytest.fixture(scope="module")
def large_org(tmp_path_factory: pytest.TempPathFactory, prefect_home: Path) -> Iterator[Pushes]:
    """Give an org with so many contacts that they go by a Bulk job; every test gives them a title of its own."""
    folder = tmp_path_factory.mktemp("large")
    with start_pushes(folder, f"sqlite:///{folder / 'customers.db'}", people=6_200) as started:
        yield started


@pytest.fixture
def bulky(large_org: Pushes) -> Iterator[Pushes]:
    """Give it without the requests of earlier tests, and remove the faults afterwards."""
    large_org.truncate(request_ledger)
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
    assert bulky.agree(ids, "Pilot")


def test_bulk_job_that_ends_early_has_its_unprocessed_records_sent_again(bulky: Pushes) -> None:
    ids = bulky.enter_changed(3_100, job_title="Captain")
    bulky.rig.org.ingest_jobs.end_next("Failed", "InternalServerError : Error during execution", after_rows=2_900)

    result = bulky.push(fields=["Title"])

    assert result.success == set(ids)
    assert bulky.agree(ids, "Captain")


def test_limit_of_bulk_jobs_keeps_no_withdrawal_of_consent_back(bulky: Pushes) -> None:
    ids = bulky.enter_changed(3_100, job_title="Purser")
    bulky.change(ids[3_000:3_010], opt_in=False)
    bulky.rig.org.faults.add(Fault("status", path=_INGEST, status=403, body=_DAY_IS_OVER))

    result = bulky.push(fields=["Title", "HasOptedOutOfEmail"])

    assert bulky.have_opted_out(ids[3_000:3_010])
    assert result.limit == set(ids)
    assert bulky.agree(ids, "Purser")


def test_limit_after_a_bulk_job_has_begun_leaves_its_members_to_the_next_run(bulky: Pushes) -> None:
    ids = bulky.enter_changed(3_100, job_title="Bosun")
    bulky.rig.org.faults.add(Fault("status", path=_JOB, status=403, body=_DAY_IS_OVER))

    cut = bulky.push(fields=["Title"])

    assert (cut.state, len(cut.continued), cut.waiting) == ("CutByLimit", 0, 3_100)
    result = bulky.push(fields=["Title"])
    assert result.success == set(ids)
    assert result.written == 0
    assert bulky.agree(ids, "Bosun")
