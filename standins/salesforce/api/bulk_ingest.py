"""Bulk API 2.0: ingest jobs, their CSV and their results."""

from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from functools import partial
from typing import Any

from standins.salesforce.api.bulk_requests import (
    CSV_TYPE,
    check_running,
    checked_body,
    checked_version,
    invalid,
    invalid_state,
    job_info,
)
from standins.salesforce.api.ingest_rows import failed_csv, leave_rows, successful_csv, unprocessed_csv, write_rows
from standins.salesforce.errors import SalesforceError
from standins.salesforce.http.messages import Answer, Request, json_answer
from standins.salesforce.org.bulk_jobs import IngestJob
from standins.salesforce.org.org import Org

MAX_INLINE = 100_000
# The limit of 150 MB is on the data in base 64, which is a third longer.
MAX_UPLOAD = 150 * 1024 * 1024 * 3 // 4
_OPERATIONS = ("update", "upsert")
_KEYS = ("object", "externalIdFieldName")
_RESULTS = {
    "successfulResults": successful_csv,
    "failedResults": failed_csv,
    "unprocessedrecords": unprocessed_csv,
}


def create(org: Org, request: Request, version: str) -> Answer:
    """Answer with a new job; one that comes with its CSV is closed at once."""
    if "multipart/form-data" in request.headers.get("content-type", ""):
        body, content = _multipart(request)
        job = _created(org, body, version)
        job.content = content
        _close(org, job)
    else:
        job = _created(org, request.body, version)
    return json_answer(_info(org, job))


def upload(org: Org, request: Request, version: str, job_id: str) -> Answer:
    """Take a job's CSV, once."""
    job = checked_version(org.ingest_jobs.get(job_id), version)
    if job.state != "Open":
        raise invalid_state(f"Upload to a job in state {job.state} is not allowed")
    job.uploads += 1
    _check_contents(job)
    if len(request.body) > MAX_UPLOAD:
        raise SalesforceError(413, "REQUEST_ENTITY_TOO_LARGE", "The uploaded data exceeds the limit of 150 MB")
    job.content = request.body
    return Answer(201)


def _check_contents(job: IngestJob) -> None:
    """Refuse a job that got records twice; Salesforce sees it at the second time, and when the job is closed."""
    if job.uploads > 1:
        message = (
            f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' the current Job "
            "then create a new Job and make sure you only do 'PUT' once on a given Job."
        )
        raise invalid(message)


def change(org: Org, request: Request, version: str, job_id: str) -> Answer:
    """Close a job, so that its rows are written, or abort it."""
    job = checked_version(org.ingest_jobs.get(job_id), version)
    wanted = request.json().get("state")
    if wanted == "UploadComplete":
        _check_contents(job)
        if job.state != "Open":
            raise invalid_state(f"Closing already {job.state} Job not allowed")
        if job.content is None:
            raise invalid_state("No data has been uploaded to this job")
        _close(org, job)
    elif wanted == "Aborted":
        check_running(job)
        if job.state == "Open" and job.content is not None:
            leave_rows(job)
        job.close()
        job.state = "Aborted"
    else:
        raise invalid("The state can only be set to UploadComplete or Aborted")
    return json_answer(_info(org, job))


def get(org: Org, request: Request, version: str, job_id: str) -> Answer:
    """Answer with a job's state, which moves on as it is asked for."""
    job = checked_version(org.ingest_jobs.get(job_id), version)
    job.poll()
    return json_answer(_info(org, job) | _progress(job))


def results(org: Org, request: Request, version: str, job_id: str, kind: str) -> Answer:
    """Answer with the CSV of the written, the refused or the unprocessed rows."""
    job = checked_version(org.ingest_jobs.get(job_id), version)
    if not job.ended:
        message = f"Results are there when the job has ended. Current status: {job.state}"
        raise invalid_state(message)
    rows: Iterator[bytes] = _RESULTS[kind](job)
    return Answer(200, rows, CSV_TYPE)


def _created(org: Org, job: bytes, version: str) -> IngestJob:
    body = checked_body(job, _OPERATIONS, _KEYS)
    operation, name = body["operation"], body.get("object")
    sobject = org.sobject(name) if isinstance(name, str) else None
    if sobject is None:
        raise invalid(f"Unable to find object: {name}")
    key_field = "Id"
    if operation == "upsert":
        found = sobject.field(str(body.get("externalIdFieldName")))
        if found is None or not (found.external_id or found.type in ("id", "email")):
            raise invalid("Upsert needs an externalIdFieldName that is an external id")
        key_field = found.name
    return org.ingest_jobs.create(operation, sobject, key_field, version)


def _multipart(request: Request) -> tuple[bytes, bytes]:
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    parts: dict[Any, bytes] = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            parts[part.get_param("name", header="content-disposition")] = content
    if parts.keys() != {"job", "content"}:
        raise invalid("A multipart request has the parts job and content")
    if len(parts["content"].decode(errors="replace")) > MAX_INLINE:
        raise invalid(f"The content of a multipart request is limited to {MAX_INLINE} characters")
    return parts["job"], parts["content"]


def _close(org: Org, job: IngestJob) -> None:
    job.start(partial(write_rows, org, job))


def _info(org: Org, job: IngestJob) -> dict[str, Any]:
    external = {"externalIdFieldName": job.key_field} if job.operation == "upsert" else {}
    url = f"services/data/v{job.version}/jobs/ingest/{job.id}/batches"
    return job_info(org, job, job.sobject.name) | external | {"contentUrl": url}


def _progress(job: IngestJob) -> dict[str, Any]:
    return {
        "jobType": "V2Ingest",
        "numberRecordsProcessed": len(job.written) if job.ended else 0,
        "numberRecordsFailed": job.failed if job.ended else 0,
        "retries": 0,
        "totalProcessingTime": 1000 if job.ended else 0,
        "apiActiveProcessingTime": 900 if job.ended else 0,
        "apexProcessingTime": 0,
    } | ({"errorMessage": job.ending.message} if job.state == "Failed" and job.ending else {})
