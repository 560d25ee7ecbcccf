"""Bulk API 2.0: query jobs and their results."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from standins.salesforce.errors import SalesforceError
from standins.salesforce.http.messages import Answer, Request, json_answer
from standins.salesforce.org.bulk_jobs import DELIMITERS, LINE_ENDINGS, BulkJob
from standins.salesforce.org.org import Org
from standins.salesforce.org.snapshot import Snapshot

_CSV = "text/csv; charset=UTF-8"
_OPERATIONS = ("query", "queryAll")
_KEYS = {"operation", "query", "contentType", "columnDelimiter", "lineEnding"}
_WORDS = {"JobComplete": "JOB_COMPLETE", "InProgress": "IN_PROGRESS", "UploadComplete": "UPLOAD_COMPLETE"}


def create(org: Org, request: Request, version: str) -> Answer:
    """Answer with a new query job; raise SalesforceError for a body or a query that Salesforce refuses."""
    body = _checked_body(request)
    snapshot = _snapshot(org, body)
    try:
        delimiter, ending = body.get("columnDelimiter", "COMMA"), body.get("lineEnding", "LF")
        job = org.bulk_jobs.create(snapshot, body["operation"], version, delimiter, ending)
    except SalesforceError:
        snapshot.close()
        raise
    return json_answer(_info(org, job))


def list_jobs(org: Org, request: Request, version: str) -> Answer:
    """Answer with all jobs."""
    records = [_info(org, job) for job in org.bulk_jobs.all()]
    return json_answer({"done": True, "records": records, "nextRecordsUrl": None})


def get(org: Org, request: Request, version: str, job_id: str) -> Answer:
    """Answer with a job's state, which moves on as it is asked for."""
    job = _job(org, version, job_id)
    job.poll()
    return json_answer(_info(org, job) | _progress(job))


def abort(org: Org, request: Request, version: str, job_id: str) -> Answer:
    """Abort a job that still runs."""
    job = _job(org, version, job_id)
    if request.json() != {"state": "Aborted"}:
        raise SalesforceError(400, "INVALIDJOB", "The only state that can be set is Aborted")
    if job.state not in ("UploadComplete", "InProgress"):
        raise SalesforceError(400, "INVALIDJOBSTATE", f"Aborting already {job.state} Job not allowed")
    job.state = "Aborted"
    return json_answer(_info(org, job))


def delete(org: Org, request: Request, version: str, job_id: str) -> Answer:
    """Delete a job that has ended, with its results."""
    job = _job(org, version, job_id)
    if job.state in ("UploadComplete", "InProgress"):
        raise SalesforceError(400, "INVALIDJOBSTATE", "Deleting a job that is not terminated is not allowed")
    org.bulk_jobs.remove(job.id)
    return Answer(204)


def results(org: Org, request: Request, version: str, job_id: str) -> Answer:
    """Answer with a page of CSV; the locator of the next page is in a header."""
    job = _job(org, version, job_id)
    if job.state != "JobComplete":
        return _too_early(org, job)
    offset = _offset(request.query.get("locator"), job.snapshot.total)
    wanted = _number(request.query.get("maxRecords"), org.settings.bulk_max_records)
    size = min(wanted, org.settings.bulk_max_records, job.snapshot.total - offset)
    after = offset + size
    locator = _locator(after) if after < job.snapshot.total else "null"
    headers = {"Sforce-Locator": locator, "Sforce-NumberOfRecords": str(size)}
    return Answer(200, _csv(job, offset, size), _CSV, headers)


def _checked_body(request: Request) -> dict[str, Any]:
    body = request.json()
    unknown = sorted(body.keys() - _KEYS)
    if unknown:
        raise SalesforceError(400, "JSON_PARSER_ERROR", f'Unrecognized field "{unknown[0]}" at [line:1, column:2]')
    if body.get("operation") not in _OPERATIONS:
        raise SalesforceError(400, "INVALIDJOB", "InvalidJob : Missing or unsupported operation")
    if not isinstance(body.get("query"), str):
        raise SalesforceError(400, "INVALIDJOB", "InvalidJob : Missing query")
    if body.get("contentType", "CSV") != "CSV":
        raise SalesforceError(400, "INVALIDJOB", "InvalidJob : Unsupported contentType")
    if body.get("columnDelimiter", "COMMA") not in DELIMITERS or body.get("lineEnding", "LF") not in LINE_ENDINGS:
        raise SalesforceError(400, "INVALIDJOB", "InvalidJob : Unsupported columnDelimiter or lineEnding")
    return body


def _snapshot(org: Org, body: dict[str, Any]) -> Snapshot:
    snapshot = org.query(body["query"], include_deleted=body["operation"] == "queryAll")
    refusal = None
    if snapshot.statement.query.counts:
        refusal = "Aggregate Relationships not supported in Bulk Query"
    elif any(column.field.type == "address" for column in snapshot.statement.columns):
        refusal = "Selecting compound data not supported in Bulk Query"
    elif snapshot.statement.query.offset:
        refusal = "OFFSET not supported in Bulk Query"
    if refusal:
        snapshot.close()
        raise SalesforceError(400, "API_ERROR", refusal)
    return snapshot


def _job(org: Org, version: str, job_id: str) -> BulkJob:
    job = org.bulk_jobs.get(job_id)
    if job.version != version:
        message = f"Job was created with API version {job.version}, and has to be read with it"
        raise SalesforceError(409, "INVALIDVERSION", message)
    return job


def _info(org: Org, job: BulkJob) -> dict[str, Any]:
    created = job.created.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.snapshot.statement.sobject.name,
        "createdById": org.user_id,
        "createdDate": created,
        "systemModstamp": created,
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version),
        "lineEnding": job.line_ending,
        "columnDelimiter": job.delimiter,
    }


def _progress(job: BulkJob) -> dict[str, Any]:
    complete = job.state == "JobComplete"
    progress = {
        "jobType": "V2Query",
        "numberRecordsProcessed": job.snapshot.total if complete else 0,
        "retries": 0,
        "totalProcessingTime": 1000 if complete else 0,
        "isPkChunkingSupported": True,
    }
    return progress | ({"errorMessage": job.failure} if job.state == "Failed" else {})


def _too_early(org: Org, job: BulkJob) -> Answer:
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


def _csv(job: BulkJob, offset: int, size: int) -> Iterator[bytes]:
    delimiter, ending = DELIMITERS[job.delimiter], LINE_ENDINGS[job.line_ending]
    names = [f'"{column.name}"' for column in job.snapshot.statement.columns]
    yield (delimiter.join(names) + ending).encode()
    yield from job.snapshot.csv_blocks(offset, size, delimiter, ending)
