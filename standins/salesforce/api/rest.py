"""The small REST resources: limits, counts, describes, and a new record by itself."""

from dataclasses import replace

from standins.salesforce.api.describe import describe_object, summary
from standins.salesforce.api.json_rows import readable, sobject_of
from standins.salesforce.errors import RecordError, SalesforceError
from standins.salesforce.http.messages import Answer, Request, json_answer
from standins.salesforce.org.org import Org
from standins.salesforce.org.writes import Write, write_one

# Version 30.0 came with the first of 2014's three releases; the last one of a year is named after the next year.
_RELEASES = (("Spring", 14), ("Summer", 14), ("Winter", 15))


def versions(org: Org, request: Request) -> Answer:
    """Answer with the versions that the org has, oldest first; it takes no session and does not count."""
    numbers = range(int(org.settings.oldest_version), int(org.settings.newest_version) + 1)
    return json_answer(
        [
            {"label": _release(number), "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
            for number in numbers
        ]
    )


def _release(version: int) -> str:
    years, place = divmod(version - 30, len(_RELEASES))
    season, first = _RELEASES[place]
    return f"{season} '{first + years}"


def limits(org: Org, request: Request, version: str) -> Answer:
    """Answer with the rest of the org's limits."""
    daily, jobs = org.settings.daily_limit, org.settings.bulk_jobs_per_day
    return json_answer(
        {
            "DailyApiRequests": {"Max": daily, "Remaining": max(0, daily - org.usage.used)},
            "DailyBulkApiBatches": {"Max": 15000, "Remaining": 15000},
            "DailyBulkV2QueryFileStorageMB": {"Max": 976562, "Remaining": 976562},
            "DailyBulkV2QueryJobs": {"Max": jobs, "Remaining": max(0, jobs - len(org.bulk_jobs.all()))},
            "DataStorageMB": {"Max": 1024, "Remaining": 1024},
            "FileStorageMB": {"Max": 1024, "Remaining": 1024},
        }
    )


def record_count(org: Org, request: Request, version: str) -> Answer:
    """Answer with the number of records of each sObject asked for."""
    wanted = request.query.get("sObjects", ",".join(org.schema)).split(",")
    counts = [{"count": org.records.count(name), "name": name} for name in sorted(wanted) if name in org.schema]
    return json_answer({"sObjects": counts})


def create(org: Org, request: Request, version: str, name: str) -> Answer:
    """Answer 201 with the Id of a new record."""
    sobject = sobject_of(org, name)
    try:
        outcome = write_one(org, Write("upsert", sobject, readable(sobject, request.json())))
    except RecordError as error:
        raise SalesforceError(400, error.code, error.message, error.fields) from error
    location = f"/services/data/v{version}/sobjects/{sobject.name}/{outcome.id}"
    return replace(json_answer(outcome.body(), 201), headers={"Location": location})


def describe_all(org: Org, request: Request, version: str) -> Answer:
    """Answer with the list of sObjects."""
    sobjects = [summary(sobject, version) for sobject in org.schema.values()]
    return json_answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects})


def describe(org: Org, request: Request, version: str, name: str) -> Answer:
    """Answer with the fields of one sObject; raise SalesforceError NOT_FOUND for an unknown one."""
    return json_answer(describe_object(sobject_of(org, name), version))
