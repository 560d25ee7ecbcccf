"""Bulk 2.0 query jobs: sparing polls, whole pages, and plain words when a job is gone."""

from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from crm_sync.errors import (
    JobFailedError,
    JobGoneError,
    JobLimitError,
    PaginationError,
    QueryError,
    SalesforceUnavailableError,
)
from crm_sync.requests import RequestKind
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read.bulk_csv import read_batches
from crm_sync.salesforce.read.bulk_query import (
    ResultsPage,
    abort_job,
    create_query_job,
    download_page,
    poll_delays,
    read_job,
    wait_for_job,
)
from crm_sync.salesforce.read.csv_rows import RowCounter
from crm_sync.salesforce.read.soql import build_select, select_columns
from standins.salesforce.api import bulk_query
from standins.salesforce.http.faults import Action, Fault
from tests.salesforce.conftest import Rig, no_wait, user_login

SOQL = build_select("Lead", ["LastName"])


@pytest.fixture
def job(rig: Rig) -> str:
    """Return a complete job over the three leads."""
    job_id = create_query_job(rig.org, SOQL).id
    wait_for_job(partial(read_job, rig.org, job_id), no_wait)
    return job_id


@pytest.fixture
def download(rig: Rig, job: str, tmp_path: Path) -> Callable[..., ResultsPage]:
    """Return a download of a page of that job."""

    def call(locator: str | None = None, max_records: int = 100) -> ResultsPage:
        return download_page(rig.org, job, locator=locator, max_records=max_records, target=tmp_path / f"{locator}.csv")

    return call


def test_job_is_polled_after_each_wait_until_complete(rig: Rig) -> None:
    assert list(islice(poll_delays(), 10)) == [1, 2, 4, 8, 16, 32, 64, 120, 120, 120]
    rig.standin.settings.bulk_polls = 3
    waits: list[float] = []
    job = wait_for_job(partial(read_job, rig.org, create_query_job(rig.org, SOQL).id), waits.append)
    assert job.is_complete
    assert job.records_processed == 3
    assert waits == [1, 2, 4, 8]
    assert rig.stop_and_read_kinds().count("bulk_job") == len(waits)


def test_pages_hold_every_record_once(rig: Rig, download: Callable[..., ResultsPage]) -> None:
    names: list[str] = []
    locator: str | None = None
    for _ in range(3):
        page = download(locator, max_records=1)
        for frame in read_batches(page.path, columns=select_columns("Lead", ["LastName"]), expected_rows=1):
            names += frame["LastName"].tolist()
        locator = page.next_locator
    assert locator is None
    assert sorted(names) == ["Lovelace", "None", 'O\'Neill, née "X"\nSecond line']
    assert rig.ledger.reserved.count("bulk_results") == 3
    assert len(rig.ledger.reserved) == len(rig.stop_and_read_journal())


def test_page_without_its_locator_does_not_pass_for_the_last(
    monkeypatch: pytest.MonkeyPatch, download: Callable[..., ResultsPage]
) -> None:
    monkeypatch.setattr(bulk_query, "_locator", lambda offset: "")
    with pytest.raises(SalesforceUnavailableError, match="locator"):
        download(max_records=1)


def test_deleted_records_are_read_too(rig: Rig) -> None:
    gone = rig.standin.records.insert("Contact", {"LastName": "Gone"})
    rig.standin.records.delete("Contact", gone)
    job_id = create_query_job(rig.org, "SELECT Id FROM Contact").id
    assert wait_for_job(partial(read_job, rig.org, job_id), no_wait).records_processed == 2


def test_empty_result_is_a_page_without_rows(rig: Rig, tmp_path: Path) -> None:
    job_id = create_query_job(rig.org, build_select("Lead", [], where="LastName = 'Nobody'")).id
    wait_for_job(partial(read_job, rig.org, job_id), no_wait)
    page = download_page(rig.org, job_id, locator=None, max_records=5, target=tmp_path / "page.csv")
    assert (page.number_of_records, page.next_locator) == (0, None)
    assert list(read_batches(page.path, expected_rows=0)) == []


def test_expiry_between_pages_logs_in_once_and_goes_on(rig: Rig, download: Callable[..., ResultsPage]) -> None:
    first = download(None, max_records=2)
    rig.standin.logins.expire_all()
    assert download(first.next_locator, max_records=2).number_of_records == 1
    assert rig.stop_and_count_logins() == 2


def test_created_job_knows_when_by_the_clock_of_the_org(rig: Rig) -> None:
    before = rig.standin.clock().replace(microsecond=0)
    job = create_query_job(rig.org, SOQL)
    assert before <= job.created <= rig.standin.clock()


def test_job_answer_without_its_parts_is_unavailable(rig: Rig) -> None:
    whole = {"id": "750x", "state": "UploadComplete", "createdDate": "2026-11-23T12:00:00.000+0000"}
    for missing in whole:
        body = {name: value for name, value in whole.items() if name != missing}
        rig.standin.faults.add(Fault("status", path="/jobs/query", status=200, body=body))
        with pytest.raises(SalesforceUnavailableError, match="not readable"):
            create_query_job(rig.org, SOQL)


def test_job_that_ended_early_is_failed_without_values_or_a_limit(rig: Rig) -> None:
    for reason, error, words in (
        ("InvalidBatch : bad value 'Lovelace' for field 'Score__c'", JobFailedError, "field Score__c"),
        ("Max bulk v2 query jobs (10000) per 24 hrs has been reached", JobLimitError, "24 hours"),
        ("Failed to process query: OPERATION_TOO_LARGE: exceeded 100000 distinct ids", JobFailedError, "'View All'"),
    ):
        rig.standin.bulk_jobs.fail_next(reason)
        job_id = create_query_job(rig.org, SOQL).id
        with pytest.raises(error, match=words) as caught:
            wait_for_job(partial(read_job, rig.org, job_id), no_wait)
        assert "Lovelace" not in str(caught.value)
    job_id = create_query_job(rig.org, SOQL).id
    rig.org.request("PATCH", f"jobs/query/{job_id}", RequestKind.BULK_JOB, json={"state": "Aborted"})
    with pytest.raises(JobFailedError, match="Aborted"):
        read_job(rig.org, job_id)


def test_job_of_another_api_version_or_deleted_by_an_administrator_is_gone(rig: Rig, job: str, tmp_path: Path) -> None:
    other = SalesforceOrg(user_login(), rig.transport, rig.store, api_version="66.0")
    with pytest.raises(JobGoneError):
        download_page(other, job, locator=None, max_records=5, target=tmp_path / "page.csv")
    rig.standin.bulk_jobs.remove(job)
    with pytest.raises(JobGoneError):
        read_job(rig.org, job)


def test_refused_query_is_a_query_error(rig: Rig) -> None:
    with pytest.raises(QueryError, match="Foo__c"):
        create_query_job(rig.org, "SELECT Foo__c FROM Lead")


def test_results_asked_too_early_can_be_asked_again(rig: Rig, tmp_path: Path) -> None:
    job_id = create_query_job(rig.org, SOQL).id
    for status in (204, 412):
        rig.standin.settings.bulk_too_early_status = status
        with pytest.raises(SalesforceUnavailableError, match="not ready"):
            download_page(rig.org, job_id, locator=None, max_records=5, target=tmp_path / "page.csv")


BROKEN: list[tuple[Action, dict[str, Any]]] = [
    ("truncate", {"keep": 30}),
    ("truncate", {"keep": 0}),
    ("reset", {}),
    ("html", {"status": 200}),
    ("empty", {"status": 200}),
    ("html", {"status": 503}),
]


def test_broken_page_leaves_no_file_and_can_be_read_again(
    rig: Rig, download: Callable[..., ResultsPage], tmp_path: Path
) -> None:
    for action, more in BROKEN:
        rig.standin.faults.add(Fault(action, path="/results", **more))
        with pytest.raises(SalesforceUnavailableError):
            download()
        assert list(tmp_path.iterdir()) == [], (action, more)
    assert download().number_of_records == 3


class Canned:
    """An org that gives one prepared page."""

    def __init__(self, body: bytes, number: int, locator: str = "null", kind: str = "text/csv") -> None:
        self._body = body
        self._headers = {"Sforce-NumberOfRecords": str(number), "Sforce-Locator": locator, "Content-Type": kind}

    def request(self, *_: Any, **__: Any) -> Any:
        """Return the page in two pieces."""
        body, headers = self._body, self._headers

        class Answer:
            status_code = 200

            def __init__(self) -> None:
                self.headers = headers

            def __enter__(self) -> "Answer":
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def iter_content(self, _: int) -> Any:
                return iter([body[:17], body[17:]])

        return Answer()


def canned_page(tmp_path: Path, body: bytes, number: int, **more: Any) -> ResultsPage:
    locator = more.pop("asked", None)
    org: Any = Canned(body, number, **more)
    return download_page(org, "750x", locator=locator, max_records=5, target=tmp_path / "page.csv")


def test_nul_bytes_do_not_reach_the_file(tmp_path: Path) -> None:
    page = canned_page(tmp_path, b'"Id","LastName"\n"1","Love\x00lace"\n', 1)
    assert page.path.read_bytes() == b'"Id","LastName"\n"1","Lovelace"\n'


def test_page_is_in_utf8_whatever_salesforce_declares(tmp_path: Path) -> None:
    text = '"Id","LastName"\n"1","Köln"\n'
    for kind, charset in (
        ("text/csv", "utf-8"),
        ("text/csv; charset=UTF-8", "utf-8"),
        ("text/csv; charset=ISO-8859-1", "iso-8859-1"),
        ('text/csv;charset="windows-1252"', "cp1252"),
        ("text/csv; charset=UTF-16LE", "utf-16-le"),
        ("text/csv; charset=nobody-knows", "utf-8"),
    ):
        assert canned_page(tmp_path, text.encode(charset), 1, kind=kind).path.read_bytes() == text.encode(), kind


def test_page_without_rows_is_not_the_last_while_it_has_a_locator(tmp_path: Path) -> None:
    page = canned_page(tmp_path, b'"Id","LastName"\n', 0, locator="MTAw")
    assert (page.number_of_records, page.next_locator) == (0, "MTAw")


def test_page_with_another_number_of_rows_than_its_header_is_refused(tmp_path: Path) -> None:
    for body, number in (
        (b'"Id","LastName"\n"1","a"\n', 2),
        (b'"Id","LastName"\n"1","a"\n"2","b"\n', 1),
        (b'"Id","LastName"\n"1","a\n', 1),
        (b"", 1),
    ):
        with pytest.raises(SalesforceUnavailableError, match="incomplete"):
            canned_page(tmp_path, body, number)
        assert list(tmp_path.iterdir()) == [], body


def test_same_locator_twice_ends_the_run(tmp_path: Path) -> None:
    body = b'"Id"\n"1"\n'
    assert canned_page(tmp_path, body, 1, locator="MTAw").next_locator == "MTAw"
    with pytest.raises(PaginationError):
        canned_page(tmp_path, body, 1, locator="MTAw", asked="MTAw")


def test_rows_are_counted_wherever_the_pieces_end() -> None:
    for body, rows in (
        (b"", 0),
        (b'"Id"\n', 0),
        (b'"Id"', 0),
        (b'"Id"\n"a\nb"\n', 1),
        (b'"Id"\n"a""\n""b"\n"c"', 2),
        (b'"Id"\r\n"a\r\n"\r\n', 1),
        (b'"Id"\n"a', -1),
    ):
        for size in (1, 2, 3, 100):
            counter = RowCounter()
            for start in range(0, len(body), size):
                counter.add(body[start : start + size])
            counter.add(b"")
            assert counter.rows == rows, (body, size)


def test_a_job_that_never_ends_is_given_up_here_and_in_salesforce(rig: Rig) -> None:
    rig.standin.settings.bulk_polls = 10_000
    job, waits = create_query_job(rig.org, SOQL), list[float]()
    with pytest.raises(JobFailedError, match=r"within 2 hours.*given up here and in Salesforce"):
        wait_for_job(partial(read_job, rig.org, job.id), waits.append, partial(abort_job, rig.org, job.id), 7_200)
    assert sum(waits) == 7_200
    with pytest.raises(JobFailedError, match="Aborted"):
        read_job(rig.org, job.id)
