"""The common part of requests for Bulk API 2.0 jobs of both kinds."""

from collections.abc import Collection
from typing import Any

from standins.salesforce.errors import SalesforceError
from standins.salesforce.http.messages import parsed
from standins.salesforce.org.bulk_jobs import AnyJob, Job
from standins.salesforce.org.org import Org

CSV_TYPE = "text/csv; charset=UTF-8"
# Salesforce writes CSV in other ways too; no client of the stand-in asks for one.
_STYLE = {"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}


def checked_body(request_body: bytes, operations: Collection[str], keys: Collection[str]) -> dict[str, Any]:
    """Return the body of a request for a new job; raise SalesforceError for one that Salesforce refuses.

    `keys` are those that this kind of job may have besides the common ones.
    """
    body = parsed(request_body)
    unknown = sorted(body.keys() - _STYLE.keys() - {"operation", *keys})
    if unknown:
        raise SalesforceError(400, "JSON_PARSER_ERROR", f'Unrecognized field "{unknown[0]}" at [line:1, column:2]')
    if body.get("operation") not in operations:
        raise invalid("Missing or unsupported operation")
    for key, only in _STYLE.items():
        if body.get(key, only) != only:
            raise invalid(f"Unsupported {key}")
    return body


def checked_version(job: AnyJob, version: str) -> AnyJob:
    """Return the job; raise SalesforceError INVALIDVERSION when it was made with another API version."""
    if job.version != version:
        message = f"Job was created with API version {job.version}, and has to be used with it"
        raise SalesforceError(409, "INVALIDVERSION", message)
    return job


def check_running(job: Job) -> None:
    """Raise SalesforceError INVALIDJOBSTATE for a job that can no longer be aborted."""
    if job.ended:
        raise invalid_state(f"Aborting already {job.state} Job not allowed")


def job_info(org: Org, job: Job, sobject: str) -> dict[str, Any]:
    """Return the answer that shows a job, without its progress."""
    created = job.created.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    return {
        "id": job.id,
        "operation": job.operation,
        "object": sobject,
        "createdById": org.user_id,
        "createdDate": created,
        "systemModstamp": created,
        "state": job.state,
        "concurrencyMode": "Parallel",
        "apiVersion": float(job.version),
        **_STYLE,
    }


def invalid(message: str) -> SalesforceError:
    """Return the refusal of a job that cannot be made."""
    return SalesforceError(400, "INVALIDJOB", f"InvalidJob : {message}")


def invalid_state(message: str) -> SalesforceError:
    """Return the refusal of a step that the job's state does not allow."""
    return SalesforceError(400, "INVALIDJOBSTATE", message)
