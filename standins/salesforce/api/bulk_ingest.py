"""Bulk API 2.0: ingest jobs, their CSV and their results."""

from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from functools import partial
from typing import Any

from standins.salesforce.api.ingest_rows import failed_csv, leave_rows, successful_csv, unprocessed_csv, write_rows
from standins.salesforce.errors import SalesforceError
from standins.salesforce.http.messages import Answer, Request, json_answer, parsed
from standins.salesforce.org.bulk_jobs import DELIMITERS, LINE_ENDINGS
from standins.salesforce.org.ingest_jobs import IngestJob
from standins.salesforce.org.org import Org

MAX_INLINE = 100_000
# The limit of 150 MB is on the data in base 64, which is a third longer.
MAX_UPLOAD = 150 * 1024 * 1024 * 3 // 4
_CSV = "text/csv; charset=UTF-8"
_OPERATIONS = ("insert", "update", "upsert", "delete")
_KEYS = {
    "object", "operation", "externalIdFieldName", "contentType", "columnDelimiter", "lineEnding", "assignmentRuleId",
}  # fmt: skip
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
        job = _created(org, request.json(), version)
    return json_answer(_info(org, job))


def list_jobs(org: Org, request: Request, version: str) -> Answer:
    """Answer with all jobs."""
    records = [_info(org, job) for job in org.ingest_jobs.all()]
    return json_answer({"done": True, "records": records, "nextRecordsUrl": None})


def upload(org: Org, request: Request, version: str, job_id: str) -> Answer:
    """Take a job's CSV, once."""
    job = _job(org, version, job_id)
    if job.state != "Open":
        raise SalesforceError(400, "INVALIDJOBSTATE", f"Upload to a job in state {job.state} is not allowed")
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
        raise SalesforceError(400, "INVALIDJOB", f"InvalidJob : {message}")


def change(org: Org, request: Request, version: str, job_id: str) -> Answer:
    """Close a job, so that its rows are written, or abort it."""
    job = _job(org, version, job_id)
    wanted = request.json().get("state")
    if wanted == "UploadComplete":
        _check_contents(job)
        if job.state != "Open":
            raise SalesforceError(400, "INVALIDJOBSTATE", f"Closing already {job.state} Job not allowed")
        if job.content is None:
            raise SalesforceError(400, "INVALIDJOBSTATE", "No data has been uploaded to this job")
        _close(org, job)
    elif wanted == "Aborted":
        if job.ended:
            raise SalesforceError(400, "INVALIDJOBSTATE", f"Aborting already {job.state} Job not allowed")
        if job.state == "Open" and job.content is not None:
            leave_rows(job)
        job.settle()
        job.state = "Aborted"
    else:
        raise SalesforceError(400, "INVALIDJOB", "The state can only be set to UploadComplete or Aborted")
    return json_answer(_info(org, job))


def get(org: Org, request: Request, version: str, job_id: str) -> Answer:
    """Answer with a job's state, which moves on as it is asked for."""
    job = _job(org, version, job_id)
    job.poll()
    return json_answer(_info(org, job) | _progress(job))


def delete(org: Org, request: Request, version: str, job_id: str) -> Answer:
    """Delete a job that has ended, with its results."""
    job = _job(org, version, job_id)
    if not job.ended:
        raise SalesforceError(400, "INVALIDJOBSTATE", "Deleting a job that is not terminated is not allowed")
    job.state = "Deleted"
    return Answer(204)


def results(org: Org, request: Request, version: str, job_id: str, kind: str) -> Answer:
    """Answer with the CSV of the rows that went well, that were refused, or that were not tried."""
    job = _job(org, version, job_id)
    if not job.ended:
        message = f"Results are there when the job has ended. Current status: {job.state}"
        raise SalesforceError(400, "INVALIDJOBSTATE", message)
    rows: Iterator[bytes] = _RESULTS[kind](job)
    return Answer(200, rows, _CSV)


def _created(org: Org, body: dict[str, Any], version: str) -> IngestJob:
    unknown = sorted(body.keys() - _KEYS)
    if unknown:
        raise SalesforceError(400, "JSON_PARSER_ERROR", f'Unrecognized field "{unknown[0]}" at [line:1, column:2]')
    operation, name = body.get("operation"), body.get("object")
    if operation not in _OPERATIONS:
        raise _invalid("Missing or unsupported operation")
    sobject = org.sobject(name) if isinstance(name, str) else None
    if sobject is None:
        raise _invalid(f"Unable to find object: {name}")
    if body.get("contentType", "CSV") != "CSV":
        raise _invalid("Unsupported contentType")
    delimiter, ending = body.get("columnDelimiter", "COMMA"), body.get("lineEnding", "LF")
    if delimiter not in DELIMITERS or ending not in LINE_ENDINGS:
        raise _invalid("Unsupported columnDelimiter or lineEnding")
    key_field = "Id"
    if operation == "upsert":
        found = sobject.field(str(body.get("externalIdFieldName")))
        if found is None or not (found.external_id or found.type in ("id", "email")):
            raise _invalid("Upsert needs an externalIdFieldName that is an external id")
        key_field = found.name
    return org.ingest_jobs.create(
        operation, sobject, key_field, version=version, delimiter=delimiter, line_ending=ending
    )


def _multipart(request: Request) -> tuple[dict[str, Any], bytes]:
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    parts: dict[Any, bytes] = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            parts[part.get_param("name", header="content-disposition")] = content
    if parts.keys() != {"job", "content"}:
        raise _invalid("A multipart request has the parts job and content")
    if len(parts["content"].decode(errors="replace")) > MAX_INLINE:
        raise _invalid(f"The content of a multipart request is limited to {MAX_INLINE} characters")
    return parsed(parts["job"]), parts["content"]


def _close(org: Org, job: IngestJob) -> None:
    job.start(partial(write_rows, org, job))


def _job(org: Org, version: str, job_id: str) -> IngestJob:
    job = org.ingest_jobs.get(job_id)
    if job.version != version:
        message = f"Job was created with API version {job.version}, and has to be used with it"
        raise SalesforceError(409, "INVALIDVERSION", message)
    return job


def _invalid(message: str) -> SalesforceError:
    return SalesforceError(400, "INVALIDJOB", f"InvalidJob : {message}")


def _info(org: Org, job: IngestJob) -> dict[str, Any]:
    created = job.created.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    external = {"externalIdFieldName": job.key_field} if job.operation == "upsert" else {}
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.sobject.name,
        "createdById": org.user_id,
        "createdDate": created,
        "systemModstamp": created,
        "state": job.state,
        **external,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version),
        "contentUrl": f"services/data/v{job.version}/jobs/ingest/{job.id}/batches",
        "lineEnding": job.line_ending,
        "columnDelimiter": job.delimiter,
    }


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
