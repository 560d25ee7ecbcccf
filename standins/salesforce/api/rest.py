"""The small REST resources: versions, limits, describes."""

from standins.salesforce.api.describe import describe_object, summary
from standins.salesforce.errors import not_found
from standins.salesforce.http.messages import Answer, Request, json_answer
from standins.salesforce.org.org import Org

_SEASONS = ("Spring", "Summer", "Winter")
_FIRST_LISTED_YEAR = 2014
_FIRST_LISTED = 31


def versions(org: Org, request: Request) -> Answer:
    """Answer with all API versions; no session is needed."""
    numbers = range(_FIRST_LISTED, int(org.settings.newest_version) + 1)
    return json_answer([{"label": _release(n), "url": f"/services/data/v{n}.0", "version": f"{n}.0"} for n in numbers])


def resources(org: Org, request: Request, version: str) -> Answer:
    """Answer with the addresses of one API version."""
    base = f"/services/data/v{version}"
    names = ("sobjects", "query", "queryAll", "composite", "limits", "jobs")
    return json_answer({name: f"{base}/{name}" for name in names})


def limits(org: Org, request: Request, version: str) -> Answer:
    """Answer with what is left of the org's limits."""
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


def describe_all(org: Org, request: Request, version: str) -> Answer:
    """Answer with the list of sObjects."""
    sobjects = [summary(sobject, version) for sobject in org.schema.values()]
    return json_answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects})


def describe(org: Org, request: Request, version: str, name: str) -> Answer:
    """Answer with the fields of one sObject; raise SalesforceError NOT_FOUND for an unknown one."""
    sobject = org.schema.get(name)
    if sobject is None:
        raise not_found()
    return json_answer(describe_object(sobject, version))


def _release(number: int) -> str:
    year = _FIRST_LISTED_YEAR + (number - _FIRST_LISTED + 1) // len(_SEASONS)
    season = _SEASONS[(number - _FIRST_LISTED + 1) % len(_SEASONS)]
    return f"{season} '{year % 100}"
