"""Reading a whole object: a Bulk job and its result pages."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd
from prefect import task

from crm_sync.mapping.checked import ResolvedMapping
from crm_sync.mapping.transform import map_records
from crm_sync.salesforce.limits import RECORDS_PER_RESULTS_PAGE
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read import bulk_query as bulk
from crm_sync.salesforce.read.bulk_csv import read_batches
from crm_sync.sobject import SObject
from tasks.run.prefetch import prefetch_one
from tasks.run.retry_policy import TALKS_TO_SALESFORCE

# As many records a page as Salesforce likes to give: every page is a request. It may give fewer.


@task(task_run_name="start Bulk job for {sobject}", **TALKS_TO_SALESFORCE)
def start_bulk_job(org: SalesforceOrg, sobject: SObject, soql: str) -> bulk.QueryJob:
    """Ask Salesforce to prepare every record, deleted ones too."""
    return bulk.create_query_job(org, soql)


@task(task_run_name="look at Bulk job of {sobject}", **TALKS_TO_SALESFORCE)
def look_at_bulk_job(org: SalesforceOrg, sobject: SObject, job_id: str) -> bulk.QueryJob:
    """Ask how far a job is."""
    return bulk.read_job(org, job_id)


def wait_for_bulk_job(
    org: SalesforceOrg, sobject: SObject, job_id: str, sleep: Callable[[float], None]
) -> bulk.QueryJob:
    """Wait until the results can be read; every look is a request, so looks get rarer."""
    return bulk.wait_for_job(partial(look_at_bulk_job, org, sobject, job_id), sleep)


@task(task_run_name="download {sobject} page {number}", **TALKS_TO_SALESFORCE)
def download_page(
    org: SalesforceOrg, sobject: SObject, number: int, *, job_id: str, locator: str | None, target: Path
) -> bulk.ResultsPage:
    """Download one page of results to `target`; a broken download is repeated as a whole."""
    return bulk.download_page(org, job_id, locator=locator, max_records=RECORDS_PER_RESULTS_PAGE, target=target)


def download_pages(
    org: SalesforceOrg, sobject: SObject, job_id: str, locator: str | None, folder: Path
) -> Iterator[bulk.ResultsPage]:
    """Give page after page from `locator` on; the next one is on its way while a page is stored."""

    def fetch(number: int, at: str | None) -> Callable[[], bulk.ResultsPage]:
        target = folder / f"{sobject}-{number}.csv"
        return download_page.submit(org, sobject, number, job_id=job_id, locator=at, target=target).result

    number, page = 1, fetch(1, locator)()
    while True:
        following = fetch(number + 1, page.next_locator) if page.next_locator else None
        yield page
        page.path.unlink()
        if following is None:
            return
        number, page = number + 1, following()


def read_mapped(
    page: bulk.ResultsPage, sobject: SObject, checked: ResolvedMapping, *, skip_rows: int
) -> Iterator[pd.DataFrame]:
    """Give the page's records in batches, mapped; the next batch is mapped while the database stores one.

    Each in the order of its keys: what a database looks up and inserts, it then does page by page of an index.
    """
    mapping, types = checked.rules.of(sobject), checked.types[sobject]
    rows = {"skip_rows": skip_rows, "expected_rows": page.number_of_records}
    batches = read_batches(page.path, columns=checked.columns(sobject), **rows)

    def ready(batch: pd.DataFrame) -> pd.DataFrame:
        return map_records(batch, sobject, mapping, types).sort_values("unique_key")

    # Not a generator: that would keep each batch as it was read beside the one as it is mapped.
    return prefetch_one(map(ready, batches))
