"""Bulk API 2.0: query jobs and their results."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from standins.salesforce.api.bulk_requests import (
    check_running,
    checked_body,
    checked_version,
    invalid,
    job_info,
)
from standins.salesforce.errors import SalesforceError
from standins.salesforce.http.messages import Answer, Request, json_answer
from standins.salesforce.org.bulk_jobs import QueryJob
from standins.salesforce.org.org import Org
from standins.salesforce.org.snapshot import Snapshot
from standins.salesforce.schema.fields import COMPOUND

_WORDS = {"JobComplete": "JOB_COMPLETE", "InProgress": "IN_PROGRESS", "UploadComplete": "UPLOAD_COMPLETE"}


def create(org: Org, request: Request, version: str) -> Answer:
    """Answer with a new query job; raise SalesforceError for a body or a query that Salesforce refuses."""
    body = checked_body(request.body, ("query", "queryAll"), ("query",))
    snapshot = _snapshot(org, body)
    try:
        job = org.bulk_jobs.create(snapshot, body["operation"], version)
    except SalesforceError:
        snapshot.close()
        raise
    return json_answer(_info(org, job))


def get(org: Org, request: Request, version: str, job_id: str) -> Answer:
    """Answer with a job's state, which moves on as it is asked for."""
    job = checked_version(org.bulk_jobs.get(job_id), version)
    job.poll()
    return json_answer(_info(org, job) | _progress(job))


def abort(org: Org, request: Request, version: str, job_id: str) -> Answer:
    """Abort a job that still runs."""
    job = checked_version(org.bulk_jobs.get(job_id), version)
    if request.json() != {"state": "Aborted"}:
        raise invalid("The only state that can be set is Aborted")
    check_running(job)
    job.state = "Aborted"
    return json_answer(_info(org, job))


def results(org: Org, request: Request, version: str, job_id: str) -> Answer:
    """Answer with a page of CSV; the locator of the next page is in a header."""
    job = checked_version(org.bulk_jobs.get(job_id), version)
    if job.state != "JobComplete":
        return _too_early(org, job)
    offset = _offset(request.query.get("locator"), job.snapshot.total)
    wanted = _number(request.query.get("maxRecords"), org.settings.bulk_max_records)
    size = min(wanted, org.settings.bulk_max_records, job.snapshot.total - offset)
    after = offset + size
    locator = _locator(after) if after < job.snapshot.total else "null"
    headers = {"Sforce-Locator": locator, "Sforce-NumberOfRecords": str(size)}
    charset = org.settings.bulk_charset
    rows = (block.decode().encode(charset, "replace") for block in _csv(job, offset, size))
    return Answer(200, rows, f"text/csv; charset={charset}", headers)


def _snapshot(org: Org, body: dict[str, Any]) -> Snapshot:
    if not isinstance(body.get("query"), str):
        raise invalid("Missing query")
    snapshot = org.query(body["query"], include_deleted=body["operation"] == "queryAll")
    refusal = None
    if snapshot.statement.query.counts:
        refusal = "Aggregate Relationships not supported in Bulk Query"
    elif any(column.field.type in COMPOUND for column in snapshot.statement.columns):
        refusal = "Selecting compound data not supported in Bulk Query"
    if refusal:
        snapshot.close()
        raise SalesforceError(400, "API_ERROR", refusal)
    return snapshot


def _info(org: Org, job: QueryJob) -> dict[str, Any]:
    return job_info(org, job, job.snapshot.statement.sobject.name)


def _progress(job: QueryJob) -> dict[str, Any]:
    complete = job.state == "JobComplete"
    progress = {
        "jobType": "V2Query",
        "numberRecordsProcessed": job.snapshot.total if complete else 0,
        "retries": 0,
        "totalProcessingTime": 1000 if complete else 0,
        "isPkChunkingSupported": True,
    }
    return progress | ({"errorMessage": job.failure} if job.state == "Failed" else {})


def _too_early(org: Org, job: QueryJob) -> Answer:
    if org.settings.bulk_too_early_status == 204:  # noqa: PLR2004 - No Content
        return Answer(204)
    status = _WORDS.get(job.state, job.state.upper())
    message = (
        "can only download query results of successfully completed bulk job with status: JOB_COMPLETE. "
        f"Current status: {status}"
    )
    raise SalesforceError(org.settings.bulk_too_early_status, "JOB_NOT_COMPLETE", message)


def _locator(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode().rstrip("=")


def _offset(locator: str | None, total: int) -> int:
    if not locator:
        return 0
    try:
        offset = int(base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)))
    except (ValueError, binascii.Error):
        offset = -1
    if not 0 < offset < total or locator != _locator(offset):
        raise SalesforceError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return offset


def _number(text: str | None, otherwise: int) -> int:
    if text is None:
        return otherwise
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise SalesforceError(400, "INVALIDREQUEST", "maxRecords has to be a positive number")
    return int(text)


def _csv(job: QueryJob, offset: int, size: int) -> Iterator[bytes]:
    names = [f'"{column.name}"' for column in job.snapshot.statement.columns]
    yield (",".join(names) + "\n").encode()
    yield from job.snapshot.csv_blocks(offset, size)
