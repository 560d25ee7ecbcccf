"""Bulk API 2.0 query jobs: a million records in a handful of requests.

Not with simple-salesforce's handler: it polls at least every two seconds, takes a page of results whole or in pieces of
1 KiB, and makes no ingest job that holds its data.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from crm_sync.errors import JobFailedError, JobLimitError, PaginationError, SalesforceUnavailableError
from crm_sync.requests import RequestKind
from crm_sync.salesforce.errors.error_codes import limit_in, query_detail, refusal_in
from crm_sync.salesforce.http.charset import charset_of, in_utf8
from crm_sync.salesforce.http.json_body import read_json
from crm_sync.salesforce.limits import FIRST_POLL, LONGEST_POLL, LONGEST_WAIT
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read.csv_rows import RowCounter

_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class QueryJob:
    """A query job as Salesforce reports it."""

    id: str
    state: str
    records_processed: int
    created: datetime

    @property
    def is_complete(self) -> bool:
        """Return whether the results can be read."""
        return self.state == "JobComplete"


@dataclass(frozen=True)
class ResultsPage:
    """One page of results on disk; `next_locator` is None on the last."""

    path: Path
    next_locator: str | None
    number_of_records: int


def create_query_job(org: SalesforceOrg, soql: str) -> QueryJob:
    """Start a query job and return it; one request. Its `created`, by Salesforce's clock, precedes its records.

    Rule: Bulk 2.0 guide, "Create a Query Job"; queryAll also reads deleted and merged records.
    """
    asked = {
        "operation": "queryAll",
        "query": soql,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    answer = read_json(org.request("POST", "jobs/query", RequestKind.BULK_JOB, json=asked))
    return _job(answer)


def read_job(org: SalesforceOrg, job_id: str) -> QueryJob:
    """Return the job's state; one request. Raises JobFailedError, JobLimitError, JobGoneError.

    Rule: Bulk 2.0 guide, "Get Information About a Query Job".
    """
    response = org.request("GET", f"jobs/query/{job_id}", RequestKind.BULK_POLL)
    answer = read_json(response)
    job = _job(answer)
    if job.state in {"Failed", "Aborted"}:
        reason = str(answer.get("errorMessage") or "")
        if limit := limit_in(reason):
            raise JobLimitError(str(limit), code=limit.code)
        if refusal := refusal_in(reason):
            raise JobFailedError(str(refusal), code=job.state)
        raise JobFailedError(
            f"Salesforce ended Bulk job {job.id} as {job.state}{query_detail(reason)}; start the sync again.",
            code=job.state,
        )
    return job


def _job(answer: Any) -> QueryJob:
    with suppress(KeyError, TypeError, ValueError):
        return QueryJob(
            id=str(answer["id"]),
            state=str(answer["state"]),
            records_processed=int(answer.get("numberRecordsProcessed") or 0),
            created=datetime.strptime(answer["createdDate"], "%Y-%m-%dT%H:%M:%S.%f%z"),
        )
    raise SalesforceUnavailableError(
        "Salesforce's answer about a Bulk job is not readable; the request can be tried again."
    )


def abort_job(org: SalesforceOrg, job_id: str) -> None:
    """Give a job up in Salesforce too; one request. Rule: Bulk 2.0 guide, "Abort a Query Job"."""
    org.request("PATCH", f"jobs/query/{job_id}", RequestKind.BULK_JOB, json={"state": "Aborted"})


def poll_delays(first: float = FIRST_POLL, longest: float = LONGEST_WAIT) -> Iterator[float]:
    """Yield the seconds to wait before each poll, such as 1, 2, 4 … 120, 120: every poll counts as a request.

    They end when all together are `longest` seconds.
    """
    delay, waited = min(max(FIRST_POLL, first), LONGEST_POLL), 0.0
    while waited < longest:
        yield min(delay, longest - waited)
        waited += delay
        delay = min(2 * delay, LONGEST_POLL)


def wait_for_job(
    look: Callable[[], QueryJob],
    sleep: Callable[[float], None],
    give_up: Callable[[], None] = lambda: None,
    longest: float = LONGEST_WAIT,
) -> QueryJob:
    """Poll with `look`, more and more rarely, until the job is complete, and return it.

    After `longest` seconds it is given up with `give_up`; raises JobFailedError.
    """
    for delay in poll_delays(longest=longest):
        sleep(delay)
        job = look()
        if job.is_complete:
            return job
    give_up()
    raise JobFailedError(
        f"Salesforce has not finished Bulk job {job.id} within {longest / 3600:g} hours, so it was given up here and "
        "in Salesforce (Setup > Bulk Data Load Jobs); the next run starts another one.",
        code="WAITED_TOO_LONG",
    )


def download_page(
    org: SalesforceOrg, job_id: str, *, locator: str | None, max_records: int, target: Path
) -> ResultsPage:
    """Stream one page of results into `target`, whole or not at all; one request.

    Rule: Bulk 2.0 guide, "Get Results for a Query Job": Sforce-Locator reads "null" on the last page; a
    locator may be asked for again; 204 or 412 mean too early. Raises SalesforceUnavailableError when the
    page is not complete, PaginationError when Salesforce gives the locator it was asked for.
    """
    params = {"maxRecords": str(max_records)} | ({"locator": locator} if locator else {})
    response = org.request(
        "GET",
        f"jobs/query/{job_id}/results",
        RequestKind.BULK_RESULTS,
        params=params,
        stream=True,
        headers={"Accept": "text/csv", "Accept-Encoding": "gzip"},
    )
    part = target.with_name(target.name + ".part")
    with response:
        if response.status_code == requests.codes.no_content:
            raise SalesforceUnavailableError("The results of the Bulk job are not ready yet; ask again later.")
        page = _read_page_headers(response, target)
        if locator and page.next_locator == locator:
            raise PaginationError(f"Salesforce gave the same page of Bulk job {job_id} twice; start the sync again.")
        arrived = _write_rows(response, part, page.number_of_records)
    if arrived != page.number_of_records:
        part.unlink(missing_ok=True)
        raise SalesforceUnavailableError(
            f"A results page of Bulk job {job_id} arrived incomplete; it can be read again."
        )
    part.replace(target)
    return page


def _read_page_headers(response: requests.Response, target: Path) -> ResultsPage:
    locator = response.headers.get("Sforce-Locator", "")
    number = response.headers.get("Sforce-NumberOfRecords", "")
    # Without its locator a page would pass for the last one.
    if not number.isdecimal() or not locator:
        raise SalesforceUnavailableError(
            "Salesforce did not give a results page's number of records and locator; it can be read again."
        )
    return ResultsPage(target, None if locator == "null" else locator, int(number))


def _write_rows(response: requests.Response, part: Path, expected: int) -> int:
    """Write the body in UTF-8, without its NULs, which Salesforce lets through; return its rows, or -1 if cut.

    What goes on after the expected rows is not read to its end.
    """
    counter = RowCounter()
    with suppress(requests.RequestException), part.open("wb") as file:
        for chunk in in_utf8(response.iter_content(_CHUNK_BYTES), charset_of(response.headers)):
            clean = chunk.replace(b"\0", b"")
            counter.add(clean)
            file.write(clean)
            if counter.rows > expected:
                break
        return counter.rows
    return -1
