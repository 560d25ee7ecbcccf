"""Every mapped lead and contact, once, from Salesforce into the customer database."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from prefect import flow, get_run_logger, runtime

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.customers.landing import LandingContext
from crm_sync.errors import JobFailedError, JobGoneError, JobLimitError, PaginationError, SyncError
from crm_sync.mapping.checked import ResolvedMapping
from crm_sync.pull.checkpoints import Checkpoint
from crm_sync.pull.summary import SyncSummary
from crm_sync.runs.counts import Counts
from tasks.pages.sync import Progress, publish_summary
from tasks.pull.bulk_query import download_pages, read_mapped, wait_for_bulk_job
from tasks.pull.checkpoints import begin_or_resume, forget, store_progress
from tasks.pull.mapping import check_mapping
from tasks.pull.store import store_batch
from tasks.pull.vanished import SeenRecords
from tasks.run.forecasts import forecast_sync, leave_to_the_next_run
from tasks.run.run import Run, ended, ended_early, log_errors_as_sentences, open_run

_FLOW = "full_sync"


def _run_name() -> str:
    given = runtime.flow_run.parameters
    mode = "anew" if given.get("start_again") else "once"
    return f"full sync of {' and '.join(given['objects'])}, {mode}"


@flow(name=_FLOW, flow_run_name=_run_name)
def full_sync(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    mapping: DataMapping | str = "mapping",
    objects: list[Literal["Contact", "Lead"]] = ["Contact", "Lead"],  # noqa: B006  # the form shows it; never changed
    start_again: bool = False,
    *,
    split_to_fit: bool = False,
) -> SyncSummary:
    """Bring every mapped lead and contact from Salesforce into the customer database.

    A run that was cut short goes on where it stopped; running it twice changes nothing.

    Args:
        salesforce: Salesforce credentials, a saved block or its name.
        database: Customer database, a saved block or its name.
        mapping: Data mapping, a saved block or its name.
        objects: Which Salesforce objects to read.
        start_again: Start from the first record, even if an earlier run was cut short.
        split_to_fit: When the requests left are too few for all objects, read those that fit and leave the others to
            the next run; off: read none.
    """
    log_errors_as_sentences()
    try:
        rules = load_block(DataMapping, mapping).rules()
        wanted = [sobject for sobject in rules.mapped if sobject in objects]
        with open_run(_FLOW, salesforce, database) as run:
            checked = check_mapping(run.org, rules, wanted)
            if start_again:
                forget(run, wanted)
            fitting = forecast_sync(run, wanted, split=split_to_fit)
            # All jobs first: Salesforce prepares one object's records while another's are stored.
            begun = {sobject: begin_or_resume(run, checked, sobject) for sobject in fitting}
            counts = {sobject: _sync_object(run, checked, reached) for sobject, reached in begun.items()}
            leave_to_the_next_run(wanted, fitting)
            forget(run, wanted)
            resumed = [sobject for sobject, reached in begun.items() if reached.sync_run_id != run.number]
            missing = {sobject: checked.missing[sobject] for sobject in wanted}
            summary = run.finish(counts, resumed=resumed, missing_fields=missing)
        publish_summary(_FLOW, summary)
    except SyncError as error:
        return ended_early(error)
    return ended(summary)


def _sync_object(run: Run, checked: ResolvedMapping, reached: Checkpoint) -> Counts:
    """Store one object to its end; when Salesforce no longer has the job, read the object anew."""
    try:
        return _load(run, checked, reached)
    except JobGoneError:
        get_run_logger().warning("Salesforce no longer has the Bulk job of %s; it is read again.", reached.sobject)
        forget(run, [reached.sobject])
        return _load(run, checked, begin_or_resume(run, checked, reached.sobject))
    except (JobFailedError, JobLimitError, PaginationError):
        # The next run would only come to the same end.
        forget(run, [reached.sobject])
        raise


def _load(run: Run, checked: ResolvedMapping, reached: Checkpoint) -> Counts:
    if reached.finished:
        return Counts()
    counts = Counts()
    landing = LandingContext(checked.rules, checked.types, run.number, run.started_at)
    seen = SeenRecords(run, landing, reached)
    job = wait_for_bulk_job(run.org, reached.sobject, reached.job_id, run.sleep)
    progress = Progress(_FLOW, reached.sobject, done=reached.rows_done, expected=job.records_processed)
    with TemporaryDirectory(prefix="full-sync-") as folder:
        for page in download_pages(run.org, reached.sobject, reached.job_id, reached.locator, Path(folder)):
            for batch in read_mapped(page, reached.sobject, checked, skip_rows=reached.rows_done):
                counts += store_batch(run.database, run.org_key, batch, landing, reached)
                reached = reached.after_rows(len(batch))
                seen.add(batch)
                progress.add(len(batch))
            reached = reached.after_page(page.next_locator)
            store_progress(run, checked, reached)
    return counts + seen.mark_gone(job)
