"""Reading from Salesforce, a task a request: fields, changes, and a whole object with a Bulk query."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from prefect import get_run_logger, task

from crm_sync.own_files import own_folder
from crm_sync.salesforce.limits import RECORDS_PER_RESULTS_PAGE
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read import bulk_query as bulk
from crm_sync.salesforce.read.bulk_csv import read_batches
from crm_sync.salesforce.read.changed_since import ChangeQuery, Changes, changed_since
from crm_sync.salesforce.read.composite import Answers, ask_together
from crm_sync.salesforce.read.read_plan import ReadPlan, Remainder
from crm_sync.salesforce.schema.describe import FieldDescription, describe
from crm_sync.sobject import SObject
from tasks.run.retry_policy import TALKS_TO_SALESFORCE
from tasks.run.run import Run


@task(task_run_name="describe {sobject}", **TALKS_TO_SALESFORCE)
def describe_object(org: SalesforceOrg, sobject: str) -> dict[str, FieldDescription]:
    """Return every field of `sobject` that the integration user may see."""
    return describe(org, sobject)


@task(task_run_name="ask Salesforce for {what}", **TALKS_TO_SALESFORCE)
def ask(org: SalesforceOrg, paths: list[str], what: str) -> Answers:
    """Ask up to five queries, or further pages, in one request."""
    return ask_together(org, paths)


@task(task_run_name="start Bulk job for {sobject}", **TALKS_TO_SALESFORCE)
def start_bulk_job(org: SalesforceOrg, sobject: SObject, soql: str) -> bulk.QueryJob:
    """Ask Salesforce to prepare every record, deleted ones too."""
    return bulk.create_query_job(org, soql)


@task(task_run_name="look at Bulk job of {sobject}", **TALKS_TO_SALESFORCE)
def look_at_bulk_job(org: SalesforceOrg, sobject: SObject, job_id: str) -> bulk.QueryJob:
    """Ask how far a job is."""
    return bulk.read_job(org, job_id)


@task(task_run_name="give up Bulk job of {sobject}", **TALKS_TO_SALESFORCE)
def give_up_bulk_job(org: SalesforceOrg, sobject: SObject, job_id: str) -> None:
    """End a job that has taken too long in Salesforce too."""
    bulk.abort_job(org, job_id)


@task(task_run_name="download {sobject} page {number}", **TALKS_TO_SALESFORCE)
def download_page(
    org: SalesforceOrg, sobject: SObject, number: int, *, job_id: str, locator: str | None, target: Path
) -> bulk.ResultsPage:
    """Download one page of results to `target`; a broken download is repeated as a whole."""
    return bulk.download_page(org, job_id, locator=locator, max_records=RECORDS_PER_RESULTS_PAGE, target=target)


def wait_for_bulk_job(run: Run, sobject: SObject, job_id: str) -> bulk.QueryJob:
    """Wait until the results can be read, as long as the settings say; every look is a request, so looks get rarer."""
    look = partial(look_at_bulk_job, run.org, sobject, job_id)
    give_up = partial(give_up_bulk_job, run.org, sobject, job_id)
    return bulk.wait_for_job(look, run.sleep, give_up, run.longest_wait)


def download_pages(run: Run, sobject: SObject, job_id: str, locator: str | None = None) -> Iterator[bulk.ResultsPage]:
    """Give page after page from `locator` on; the next one is on its way while a page is used."""
    with own_folder("bulk-query") as folder:

        def fetch(number: int, at: str | None) -> Callable[[], bulk.ResultsPage]:
            target = folder / f"{sobject}-{number}.csv"
            return download_page.submit(run.org, sobject, number, job_id=job_id, locator=at, target=target).result

        number, page = 1, fetch(1, locator)()
        while True:
            following = fetch(number + 1, page.next_locator) if page.next_locator else None
            yield page
            page.path.unlink()
            if following is None:
                return
            number, page = number + 1, following()


def read_in_bulk(run: Run, query: ChangeQuery) -> Iterator[bulk.ResultsPage]:
    """Give every change of an object, page by page of a Bulk job."""
    job = start_bulk_job(run.org, query.sobject, query.by_time)
    wait_for_bulk_job(run, query.sobject, job.id)
    return download_pages(run, query.sobject, job.id)


def frames_in_bulk(run: Run, query: ChangeQuery) -> Iterator[pd.DataFrame]:
    """Give the wanted records of a query in batches of text, read with a Bulk job."""
    for page in read_in_bulk(run, query):
        for batch in read_batches(page.path, columns=query.columns, expected_rows=page.number_of_records):
            yield query.wanted(batch)


def read_changes(
    run: Run, queries: Sequence[ChangeQuery], announce: Callable[[ReadPlan], None] = lambda _: None
) -> dict[str, Changes]:
    """Read what changed; `announce` gets the plan for what did not come with the first request.

    Raises QueryError when Salesforce refuses a query.
    """

    def say(plan: ReadPlan, left: list[Remainder]) -> None:
        for rest in left:
            way = plan.strategies[rest.query]
            get_run_logger().info("%s: %s more records, read %s", rest.query, f"{rest.rows:,}", way)
        announce(plan)

    return changed_since(queries, partial(ask, run.org), say)


def read_frames(run: Run, changes: Changes) -> Iterator[pd.DataFrame]:
    """Give the wanted records of an object in batches of text; the Bulk API is asked where the plan says so."""
    return frames_in_bulk(run, changes.query) if changes.needs_bulk else changes.frames()
