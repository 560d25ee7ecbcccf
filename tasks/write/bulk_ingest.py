"""Writing many records with a Bulk job, a task a request."""

from collections.abc import Callable

import pandas as pd
from prefect import task

from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.write import bulk_ingest
from crm_sync.salesforce.write.bulk_ingest import IngestJob
from crm_sync.salesforce.write.records import RecordWrites
from crm_sync.salesforce.write.results import read_ingest_results
from tasks.run.retry_policy import TALKS_TO_SALESFORCE
from tasks.run.waiting import SLEEP
from tasks.write.unanswered import Doubt


@task(task_run_name="make Bulk job for {writes.sobject}", **TALKS_TO_SALESFORCE)
def make_job(org: SalesforceOrg, writes: RecordWrites, content: bytes, doubt: Doubt, *, inline: bool) -> str:
    """Make a job that has its records, and return its Id; with `inline` it begins at once.

    What breaks off is repeated with another job, since one takes its records only once; the first writes nothing.
    """
    if inline:
        with doubt.arises_here():
            return bulk_ingest.create_ingest_job(org, writes, inline=content).id
    job_id = bulk_ingest.create_ingest_job(org, writes).id
    bulk_ingest.upload_csv(org, job_id, content)
    return job_id


@task(task_run_name="begin Bulk job {job_id}", **TALKS_TO_SALESFORCE)
def begin_job(org: SalesforceOrg, job_id: str, doubt: Doubt) -> None:
    """Let Salesforce write the job's records."""
    with doubt.arises_here():
        bulk_ingest.close_ingest_job(org, job_id)


@task(task_run_name="look at Bulk job {job_id}", **TALKS_TO_SALESFORCE)
def look_at_job(org: SalesforceOrg, job_id: str) -> IngestJob:
    """Ask how far a job is."""
    return bulk_ingest.read_ingest_job(org, job_id)


@task(task_run_name="read results of Bulk job {job.id}", **TALKS_TO_SALESFORCE)
def read_results(org: SalesforceOrg, job: IngestJob, writes: RecordWrites) -> pd.DataFrame:
    """Return what became of each record of the job."""
    return read_ingest_results(org, job, writes)


def start_job(org: SalesforceOrg, writes: RecordWrites, content: bytes, doubt: Doubt, *, inline: bool) -> str:
    """Make a job, let it begin and return its Id; with `inline` by one request."""
    job_id = make_job(org, writes, content, doubt, inline=inline)
    if not inline:
        begin_job(org, job_id, doubt)
    return job_id


def wait_for_job(
    org: SalesforceOrg, job_id: str, records: int, still_here: Callable[[], None] = lambda: None
) -> IngestJob:
    """Wait until a job of so many records has ended, well or not; says at each look that this run is still here."""

    def look() -> IngestJob:
        still_here()
        return look_at_job(org, job_id)

    return bulk_ingest.wait_for_ingest(look, records, SLEEP.get())
