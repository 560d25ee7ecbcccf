"""Bulk API 2.0 ingest jobs: any number of records of one sObject in a handful of requests, a step at a time.

Every record is found by Id or external id, so a job may be abandoned and its records written by another one.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from crm_sync.errors import FatalError, JobFailedError, JobGoneError, QueryError, SalesforceUnavailableError
from crm_sync.requests import RequestKind
from crm_sync.salesforce.errors.row_refusals import is_past_its_step
from crm_sync.salesforce.http.json_body import read_json
from crm_sync.salesforce.limits import LONGEST_FILE, LONGEST_WAIT, RECORDS_INGESTED_PER_SECOND
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read.bulk_query import poll_delays
from crm_sync.salesforce.write.records import RecordWrites, csv_file

_CSV = "text/csv; charset=UTF-8"


@dataclass(frozen=True)
class IngestJob:
    """An ingest job as Salesforce reports it; the numbers are there when it has ended."""

    id: str
    state: str
    records_processed: int = 0
    records_failed: int = 0
    reason: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether its results can be read; a Failed or Aborted job has some too."""
        return self.state in {"JobComplete", "Failed", "Aborted"}


def split_files(writes: RecordWrites, *, longest: int = LONGEST_FILE) -> Iterator[tuple[RecordWrites, bytes]]:
    """Yield the records cut into parts, each with its CSV of at most `longest` bytes; a job takes one."""
    content = csv_file(writes)
    if len(content) <= longest or len(writes) == 1:
        yield writes, content
        return
    half = len(writes) // 2
    for part in (writes.part(0, half), writes.part(half, len(writes))):
        yield from split_files(part, longest=longest)


def create_ingest_job(org: SalesforceOrg, writes: RecordWrites, *, inline: bytes | None = None) -> IngestJob:
    """Make a job that updates or upserts records like these, and return it; one request.

    With `inline`, a CSV of at most LONGEST_INLINE bytes, the job is uploaded and closed by the same request.
    Rule: Bulk 2.0 guide, "Create a Job". Without an answer, an open job is left behind that writes nothing.
    """
    asked = {
        "object": writes.sobject,
        "operation": "upsert" if writes.external_id else "update",
        **({"externalIdFieldName": writes.external_id} if writes.external_id else {}),
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    with _about_ingest(writes.sobject):
        if inline is None:
            return _job(read_json(org.request("POST", "jobs/ingest", RequestKind.BULK_JOB, json=asked)))
        files = {"job": (None, json.dumps(asked), "application/json"), "content": ("content", inline, "text/csv")}
        return _job(read_json(org.request("POST", "jobs/ingest", RequestKind.BULK_JOB, files=files)))


def upload_csv(org: SalesforceOrg, job_id: str, content: bytes) -> None:
    """Upload the job's records; one request. Without an answer, another job is needed.

    Rule: Bulk 2.0 guide, "Upload Job Data"; a job with data twice cannot be closed.
    """
    path = f"jobs/ingest/{job_id}/batches"
    with _about_ingest(job_id):
        org.request("PUT", path, RequestKind.BULK_JOB, data=content, headers={"Content-Type": _CSV})


def close_ingest_job(org: SalesforceOrg, job_id: str) -> None:
    """Close the job, so that Salesforce begins to write; one request, which may be repeated without an answer.

    Rule: Bulk 2.0 guide, "Upload Complete". A job without data stays open, which `read_ingest_job` finds.
    """
    with _about_ingest(job_id), _unless_done_before():
        org.request("PATCH", f"jobs/ingest/{job_id}", RequestKind.BULK_JOB, json={"state": "UploadComplete"})


def read_ingest_job(org: SalesforceOrg, job_id: str) -> IngestJob:
    """Return the job; one request. Raises JobGoneError, and JobFailedError for one that is still open.

    Rule: Bulk 2.0 guide, "Get Job Info". A job that Failed or was Aborted is no exception: some of its records may
    be written, as its results show.
    """
    with _about_ingest(job_id):
        job = _job(read_json(org.request("GET", f"jobs/ingest/{job_id}", RequestKind.BULK_POLL)))
    if job.state == "Open":
        raise JobFailedError(
            f"Bulk job {job_id} has no data or was never closed; write its records again.", code="Open"
        )
    return job


def abort_ingest_job(org: SalesforceOrg, job_id: str) -> None:
    """Give a job up in Salesforce too; one request. Its results then tell what was written and what was not."""
    with _about_ingest(job_id), _unless_done_before():
        org.request("PATCH", f"jobs/ingest/{job_id}", RequestKind.BULK_JOB, json={"state": "Aborted"})


def wait_for_ingest(
    look: Callable[[], IngestJob],
    records: int,
    sleep: Callable[[float], None],
    give_up: Callable[[], None] = lambda: None,
    longest: float = LONGEST_WAIT,
) -> IngestJob:
    """Poll with `look` until a job of so many records has ended, well or not, and return it.

    After `longest` seconds it is given up with `give_up`, which ends it too.
    """
    for delay in poll_delays(records / RECORDS_INGESTED_PER_SECOND, longest):
        sleep(delay)
        job = look()
        if job.has_ended:
            return job
    give_up()
    return look()


def _job(answer: Any) -> IngestJob:
    with suppress(KeyError, TypeError, ValueError, AttributeError):
        return IngestJob(
            id=str(answer["id"]),
            state=str(answer["state"]),
            records_processed=int(answer.get("numberRecordsProcessed") or 0),
            records_failed=int(answer.get("numberRecordsFailed") or 0),
            reason=str(answer.get("errorMessage") or ""),
        )
    raise SalesforceUnavailableError(
        "Salesforce's answer about a Bulk job is not readable; the request can be tried again."
    )


@contextmanager
def _unless_done_before() -> Iterator[None]:
    """Accept the refusal of a step that the job is already past: its first answer was lost."""
    try:
        yield
    except FatalError as refusal:
        if not is_past_its_step(refusal.code):
            raise


@contextmanager
def _about_ingest(what: str) -> Iterator[None]:
    """Replace the gateway's errors about queries by those about a job that writes."""
    try:
        yield
    except JobGoneError as error:
        raise JobGoneError(
            "Salesforce no longer knows this Bulk job or its results; its records have to be written again.",
            code=error.code,
        ) from error
    except QueryError as error:
        raise JobFailedError(
            f"Salesforce refused the Bulk job for {what} ({error.code}); check the object, the external id field "
            "and the fields to write.",
            code=error.code,
        ) from error
