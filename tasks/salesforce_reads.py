"""Reading from Salesforce: describe, Bulk jobs and their result pages."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prefect import task

from crm_sync.mapping import MappingRules, SObject
from crm_sync.salesforce import bulk, queries
from crm_sync.salesforce.describe import describe
from crm_sync.salesforce.org import SalesforceOrg
from tasks.retry_policy import TALKS_TO_SALESFORCE

# As many records a page as Salesforce likes to give: every page is a request. It may give fewer.
_PAGE_RECORDS = 250_000


@dataclass(frozen=True)
class CheckedMapping:
    """The mapping as far as Salesforce shows its fields, their types, and the fields it does not show."""

    rules: MappingRules
    types: dict[SObject, dict[str, str]]
    missing: dict[SObject, list[str]]


@task(task_run_name="describe {sobject}", **TALKS_TO_SALESFORCE)
def describe_types(org: SalesforceOrg, sobject: SObject) -> dict[str, str]:
    """Return the type of every field of `sobject` that the integration user may see."""
    return {name: field.type for name, field in describe(org, sobject).items()}


def check_mapping(org: SalesforceOrg, rules: MappingRules, objects: list[SObject]) -> CheckedMapping:
    """Hold the mapping against what Salesforce describes; the saved mapping stays as it is.

    Raises MappingError when a unique field cannot be seen, or the filter cannot be a condition.
    """
    described = {sobject: describe_types(org, sobject) for sobject in rules.mapped}
    types = {
        sobject: {
            field: described[sobject][field]
            for field in rules.of(sobject).salesforce_fields
            if field in described[sobject]
        }
        for sobject in rules.mapped
    }
    missing = {
        sobject: [field for field in rules.of(sobject).salesforce_fields if field not in types[sobject]]
        for sobject in objects
    }
    return CheckedMapping(rules.only_with(types), types, missing)


def build_query(checked: CheckedMapping, sobject: SObject) -> str:
    """Return the query for every mapped record of `sobject`."""
    mapping = checked.rules.of(sobject)
    return queries.build_select(sobject, mapping.salesforce_fields, where=mapping.condition or None)


@task(task_run_name="start Bulk job for {sobject}", **TALKS_TO_SALESFORCE)
def start_bulk_job(org: SalesforceOrg, sobject: SObject, soql: str) -> bulk.QueryJob:
    """Ask Salesforce to prepare every record, deleted ones too."""
    return bulk.create_query_job(org, soql)


@task(task_run_name="wait for Bulk job of {sobject}", **TALKS_TO_SALESFORCE)
def wait_for_bulk_job(org: SalesforceOrg, sobject: SObject, job_id: str) -> bulk.QueryJob:
    """Wait until the results can be read; every look is a request, so looks get rarer."""
    return bulk.wait_for_job(org, job_id, time.sleep)


@task(task_run_name="download {sobject} page {number}", **TALKS_TO_SALESFORCE)
def download_page(
    org: SalesforceOrg, sobject: SObject, number: int, job_id: str, locator: str | None, target: Path
) -> bulk.ResultsPage:
    """Download one page of results to `target`; a broken download is repeated as a whole."""
    return bulk.download_page(org, job_id, locator=locator, max_records=_PAGE_RECORDS, target=target)


def download_pages(
    org: SalesforceOrg, sobject: SObject, job_id: str, locator: str | None, folder: Path
) -> Iterator[bulk.ResultsPage]:
    """Give page after page from `locator` on; the next one is on its way while a page is stored."""

    def fetch(number: int, at: str | None) -> Callable[[], bulk.ResultsPage]:
        target = folder / f"{sobject}-{number}.csv"
        return download_page.submit(org, sobject, number, job_id, at, target).result

    number, page = 1, fetch(1, locator)()
    while True:
        following = fetch(number + 1, page.next_locator) if page.next_locator else None
        yield page
        page.path.unlink()
        if following is None:
            return
        number, page = number + 1, following()
