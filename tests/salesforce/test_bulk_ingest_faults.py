"""Ingest jobs that go wrong: the steps that may be repeated, and the results of records that were not written."""

from functools import partial
from typing import Any

import pytest

from crm_sync.errors import FatalError, JobFailedError, JobGoneError, LimitReachedError, SalesforceUnavailableError
from crm_sync.outcomes import RefusalClass
from crm_sync.requests import RequestKind
from crm_sync.salesforce.errors.row_refusals import refusal_classes
from crm_sync.salesforce.metadata.deployment import Deployment, wait_for_deployment
from crm_sync.salesforce.write.bulk_ingest import (
    abort_ingest_job,
    close_ingest_job,
    create_ingest_job,
    read_ingest_job,
    upload_csv,
    wait_for_ingest,
)
from crm_sync.salesforce.write.records import csv_file
from crm_sync.salesforce.write.results import read_ingest_results
from standins.salesforce.http.faults import Action, Fault
from tests.salesforce.conftest import Rig, no_wait
from tests.salesforce.write_steps import codes, finished, titled, updates, written

BROKEN: list[tuple[Action, dict[str, Any]]] = [
    ("truncate", {"keep": 40}),
    ("empty", {"status": 200}),
    ("html", {"status": 200}),
    ("status", {"status": 200, "body": "Id"}),
    ("reset", {}),
]


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_a_job_that_ended_early_has_written_failed_and_untried_records(rig: Rig, state: Any) -> None:
    writes = titled(rig, 50)
    ids = writes.keys.tolist()
    rig.standin.refusals.add(ids[3])
    rig.standin.ingest_jobs.end_next(state, "InternalServerError : Batch time out", after_rows=20)
    results = written(rig, writes)
    assert results["success"].tolist() == [place < 20 and place != 3 for place in range(50)]
    assert results["was_sent"].tolist() == [place < 20 for place in range(50)]
    assert codes(results)[3] == "UNABLE_TO_LOCK_ROW"
    expected = ("InternalServerError", "Batch time out") if state == "Failed" else ("Aborted", None)
    untried = results[~results["was_sent"]]
    assert set(untried["error_code"]) == {expected[0]}
    assert set(untried["error_message"].dropna()) == {expected[1]} - {None}
    assert set(refusal_classes(untried["error_code"], untried["error_message"])) == {RefusalClass.TRANSIENT}
    assert written(rig, writes.where(~results["was_sent"]))["success"].all()


def test_a_job_that_failed_for_the_day_is_a_limit(rig: Rig) -> None:
    rig.standin.ingest_jobs.end_next("Failed", "Max bulk v2 ingest jobs (15000) per 24 hrs has been reached")
    results = written(rig, titled(rig, 3))
    assert set(refusal_classes(results["error_code"], results["error_message"])) == {RefusalClass.LIMIT}
    assert not results["was_sent"].any()


def test_rows_that_salesforce_forgot_are_not_called_written(rig: Rig) -> None:
    writes = titled(rig, 3)
    job = finished(rig, writes.part(0, 2))
    results = read_ingest_results(rig.org, job, writes)
    assert results["success"].tolist() == [True, True, False]
    assert results["was_sent"].tolist() == [True, True, False]
    assert codes(results)[2] == "JobComplete"
    assert refusal_classes(results["error_code"], results["error_message"]).iloc[2] == RefusalClass.TRANSIENT


def test_closing_whose_answer_was_lost_is_repeated(rig: Rig) -> None:
    writes = titled(rig, 5)
    job_id = create_ingest_job(rig.org, writes).id
    upload_csv(rig.org, job_id, csv_file(writes))
    rig.standin.faults.add(Fault("reset_after", method="PATCH", path="/jobs/ingest/750"))
    with pytest.raises(SalesforceUnavailableError):
        close_ingest_job(rig.org, job_id)

    close_ingest_job(rig.org, job_id)

    job = wait_for_ingest(partial(read_ingest_job, rig.org, job_id), 5, no_wait)
    assert read_ingest_results(rig.org, job, writes)["success"].all()


def test_job_that_got_its_records_twice_is_spoilt(rig: Rig) -> None:
    writes = titled(rig, 5)
    job_id = create_ingest_job(rig.org, writes).id
    upload_csv(rig.org, job_id, csv_file(writes))
    for step in (partial(upload_csv, rig.org, job_id, csv_file(writes)), partial(close_ingest_job, rig.org, job_id)):
        with pytest.raises(JobFailedError, match="INVALIDJOB"):
            step()


def test_a_creation_whose_answer_was_lost_leaves_a_job_that_writes_nothing(rig: Rig) -> None:
    writes = titled(rig, 5)
    rig.standin.faults.add(Fault("reset_after", method="POST", path="/jobs/ingest"))
    with pytest.raises(SalesforceUnavailableError):
        create_ingest_job(rig.org, writes)
    assert written(rig, writes)["success"].all()
    assert [job.state for job in rig.standin.ingest_jobs.all()] == ["Open", "JobComplete"]


def test_a_job_without_data_is_not_waited_for(rig: Rig) -> None:
    writes = titled(rig, 1)
    job_id = create_ingest_job(rig.org, writes).id
    close_ingest_job(rig.org, job_id)
    with pytest.raises(JobFailedError, match="no data"):
        wait_for_ingest(partial(read_ingest_job, rig.org, job_id), 1, no_wait)


def test_a_job_that_never_ends_is_given_up_here_and_in_salesforce(rig: Rig) -> None:
    rig.standin.settings.bulk_polls = 10_000
    writes, waited = titled(rig, 3), list[float]()
    job_id = create_ingest_job(rig.org, writes).id
    upload_csv(rig.org, job_id, csv_file(writes))
    close_ingest_job(rig.org, job_id)
    look, give_up = partial(read_ingest_job, rig.org, job_id), partial(abort_ingest_job, rig.org, job_id)
    assert wait_for_ingest(look, 3, waited.append, give_up, longest=600).state == "Aborted"
    assert sum(waited) == 600


def test_a_deployment_that_never_ends_is_not_waited_for_for_ever() -> None:
    waited = list[float]()
    with pytest.raises(FatalError, match="within 4 hours"):
        wait_for_deployment(lambda: Deployment("0Af", "InProgress", False, False, ()), waited.append)
    assert sum(waited) == 4 * 3600


def test_an_aborted_job_leaves_all_rows_untried(rig: Rig) -> None:
    writes = titled(rig, 3)
    job_id = create_ingest_job(rig.org, writes).id
    upload_csv(rig.org, job_id, csv_file(writes))
    rig.org.request("PATCH", f"jobs/ingest/{job_id}", RequestKind.BULK_JOB, json={"state": "Aborted"})
    job = wait_for_ingest(partial(read_ingest_job, rig.org, job_id), 3, no_wait)
    assert job.state == "Aborted"
    assert not read_ingest_results(rig.org, job, writes)["was_sent"].any()


def test_a_job_that_salesforce_no_longer_knows_is_gone(rig: Rig) -> None:
    with pytest.raises(JobGoneError, match="written again"):
        read_ingest_job(rig.org, "750000000000001AAA")
    with pytest.raises(JobGoneError):
        upload_csv(rig.org, "750000000000001AAA", b"Id\nx\n")


def test_a_refused_job_names_the_object_and_not_a_query(rig: Rig) -> None:
    with pytest.raises(JobFailedError, match=r"Bulk job for Gone__c \(INVALIDJOB\)") as caught:
        create_ingest_job(rig.org, updates("Gone__c", [{"Id": "x"}]))
    assert "query" not in str(caught.value)


def test_a_limit_is_no_failed_job(rig: Rig) -> None:
    body = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    rig.standin.faults.add(Fault("status", path="/jobs/ingest", status=403, body=body))
    with pytest.raises(LimitReachedError):
        create_ingest_job(rig.org, titled(rig, 1))


def test_a_broken_result_or_job_can_be_read_again(rig: Rig) -> None:
    writes = titled(rig, 30)
    rig.standin.refusals.add(*writes.keys)
    job = finished(rig, writes)
    for action, more in BROKEN:
        rig.standin.faults.add(Fault(action, path="failedResults", **more))
        with pytest.raises(SalesforceUnavailableError):
            read_ingest_results(rig.org, job, writes)
        assert set(codes(read_ingest_results(rig.org, job, writes))) == {"UNABLE_TO_LOCK_ROW"}, (action, more)
    bodies: list[Any] = [[], {"id": "750x"}, {"id": "750x", "state": "Open", "numberRecordsFailed": "?"}]
    for body in bodies:
        rig.standin.faults.add(Fault("status", path="/jobs/ingest", status=200, body=body))
        with pytest.raises(SalesforceUnavailableError, match="not readable"):
            read_ingest_job(rig.org, "750x")
