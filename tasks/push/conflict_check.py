"""Looking, before a push writes, at what Salesforce has changed since the last pull."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from prefect import task

from crm_sync.errors import SyncError
from crm_sync.pull.watermarks import read_watermarks
from crm_sync.push.conflict_check import ConflictStrategy, Question, choose_way
from crm_sync.salesforce.limits import QUERIES_PER_REQUEST
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read.bulk_csv import read_batches
from crm_sync.salesforce.read.composite import Page, ask_together, query_path
from crm_sync.sobject import SObject
from tasks.pull.bulk_query import download_pages, start_bulk_job, wait_for_bulk_job
from tasks.run.retry_policy import TALKS_TO_SALESFORCE
from tasks.run.run import Run


@task(task_run_name="look at what Salesforce has changed", **TALKS_TO_SALESFORCE)
def ask_pages(org: SalesforceOrg, paths: Sequence[str]) -> list[Page]:
    """Return the pages of up to five queries; raises the error of one that Salesforce refuses."""
    pages = []
    for page in ask_together(org, paths).pages:
        if isinstance(page, SyncError):
            raise page
        pages.append(page)
    return pages


def check_conflicts(run: Run, questions: Sequence[Question]) -> dict[SObject, pd.DataFrame]:
    """Return what Salesforce has of those records that it has changed since the last pull: the fields, by Id."""
    with run.database.transaction() as connection:
        marks = read_watermarks(connection, run.org_key)
    known = [
        replace(question, pulled_until=marks[question.sobject].stored_until) if question.sobject in marks else question
        for question in questions
    ]
    few = [question for question in known if question.is_asked_by_ids_at_once]
    found = _ask_by_ids(run.org, few)
    return found | {question.sobject: _ask_many(run, question) for question in known if question not in few}


def _ask_many(run: Run, question: Question) -> pd.DataFrame:
    """Ask for every change first, and go on in whichever way takes the fewest requests."""
    org = run.org
    pages = ask_pages(org, [query_path(org, question.by_time())]) if question.since else []
    match choose_way(pages[0] if pages else None, question):
        case ConflictStrategy.PAGES:
            return question.read(_to_the_end(org, pages))
        case ConflictStrategy.IDS:
            return _ask_by_ids(org, [question])[question.sobject]
        case ConflictStrategy.BULK:
            return _ask_by_bulk(org, question, run.sleep)


def _ask_by_ids(org: SalesforceOrg, questions: Sequence[Question]) -> dict[SObject, pd.DataFrame]:
    asked = [(question, query_path(org, soql)) for question in questions for soql in question.by_ids()]
    pages: dict[SObject, list[Page]] = {question.sobject: [] for question in questions}
    for start in range(0, len(asked), QUERIES_PER_REQUEST):
        some = asked[start : start + QUERIES_PER_REQUEST]
        for (question, _), page in zip(some, ask_pages(org, [path for _, path in some]), strict=True):
            pages[question.sobject] += _to_the_end(org, [page])
    return {question.sobject: question.read(pages[question.sobject]) for question in questions}


def _to_the_end(org: SalesforceOrg, pages: list[Page]) -> list[Page]:
    """Follow the pages; records with long texts do not all fit on the first."""
    while (next_path := pages[-1].next_path) is not None:
        pages = [*pages, *ask_pages(org, [next_path])]
    return pages


def _ask_by_bulk(org: SalesforceOrg, question: Question, sleep: Callable[[float], None]) -> pd.DataFrame:
    job = start_bulk_job(org, question.sobject, question.by_time())
    wait_for_bulk_job(org, question.sobject, job.id, sleep)
    found = [question.nothing()]
    with TemporaryDirectory(prefix="look-") as folder:
        for page in download_pages(org, question.sobject, job.id, None, Path(folder)):
            rows = {"skip_rows": 0, "expected_rows": page.number_of_records}
            for batch in read_batches(page.path, columns=question.columns, **rows):
                found.append(question.only_asked(batch))
    return pd.concat(found)
