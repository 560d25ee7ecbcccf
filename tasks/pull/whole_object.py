"""Reading a whole object with a Bulk job and storing it batch by batch, so that the next run can go on from there."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
from prefect import get_run_logger, task

from crm_sync.columns.address_hash import AddressHash
from crm_sync.customers.landing import land_batch
from crm_sync.customers.landing_context import LandingContext
from crm_sync.customers.seen_records import SeenRecords
from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import JobFailedError, JobGoneError, JobLimitError, PaginationError
from crm_sync.mapping.checked import ResolvedMapping
from crm_sync.mapping.transform import in_key_order, map_records, most_at_once
from crm_sync.pull.checkpoints_store import Checkpoint, delete_checkpoints, read_checkpoint, save_checkpoint
from crm_sync.pull.watermarks_store import advance_watermark, forget_unmapped, watermark_of
from crm_sync.runs.counts import Counts
from crm_sync.salesforce.read.bulk_csv import read_batches
from crm_sync.salesforce.read.bulk_query import ResultsPage
from crm_sync.sobject import SObject
from tasks.pages.sync import Progress
from tasks.pull.bystanders import read_all_bystanders
from tasks.pull.vanished import store_vanished
from tasks.run.forecasts import forecast_sync
from tasks.run.prefetch import prefetch_one
from tasks.run.reading import download_pages, start_bulk_job, wait_for_bulk_job
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import Run


def begin_or_resume(
    run: Run, checked: ResolvedMapping, objects: list[SObject], *, start_again: bool
) -> dict[SObject, Checkpoint]:
    """Return where an earlier run stopped with each object, if the mapping is still the same; else start a Bulk job.

    All jobs first: Salesforce prepares one object's records while another's are stored.
    """
    if start_again:
        drop_checkpoints(run, objects)
    if objects:
        forecast_sync(run, objects, twice=[sobject for sobject in objects if checked.bystanders(sobject)])
    return {sobject: _begin_or_resume(run, checked, sobject) for sobject in objects}


def _begin_or_resume(run: Run, checked: ResolvedMapping, sobject: SObject) -> Checkpoint:
    fingerprint = checked.rules.fingerprint(sobject)
    with run.database.transaction() as connection:
        reached = read_checkpoint(connection, run.org_key, sobject)
    if reached is not None and reached.mapping_fingerprint == fingerprint:
        get_run_logger().info("%s: going on with Bulk job %s of an earlier run.", sobject, reached.job_id)
        return reached
    job = start_bulk_job(run.org, sobject, checked.query(sobject))
    begun = Checkpoint(
        sobject=sobject,
        sync_run_id=run.number,
        mapping_fingerprint=fingerprint,
        job_id=job.id,
        read_from=job.created,
    )
    with run.database.transaction() as connection:
        save_checkpoint(connection, run.org_key, begun)
    return begun


def store_object(run: Run, checked: ResolvedMapping, landing: LandingContext, reached: Checkpoint) -> Counts:
    """Store one object to its end; when Salesforce no longer has the job, read the object anew."""
    try:
        return _store_pages(run, checked, landing, reached)
    except JobGoneError:
        get_run_logger().warning("Salesforce no longer has the Bulk job of %s; it is read again.", reached.sobject)
        drop_checkpoints(run, [reached.sobject])
        return _store_pages(run, checked, landing, _begin_or_resume(run, checked, reached.sobject))
    except (JobFailedError, JobLimitError, PaginationError):
        # The next run would only come to the same end.
        drop_checkpoints(run, [reached.sobject])
        raise


def drop_checkpoints(run: Run, objects: list[SObject]) -> None:
    """Drop the checkpoints of a full sync that is complete, or to be started anew."""
    with run.database.transaction() as connection:
        delete_checkpoints(connection, run.org_key, objects)


def _store_pages(run: Run, checked: ResolvedMapping, landing: LandingContext, reached: Checkpoint) -> Counts:
    if reached.finished:
        return Counts()
    sobject, counts = reached.sobject, Counts()
    landing = replace(landing, read_from=reached.read_from)
    is_whole = reached.sync_run_id == run.number and reached.locator is None and not reached.rows_done
    seen = SeenRecords(sobject, reached.read_from, reads_all=is_whole and not checked.rules.of(sobject).condition)
    with run.database.transaction() as connection:
        seen.prepare(connection, run.org_key)
    job = wait_for_bulk_job(run, sobject, reached.job_id)
    progress = Progress(run.ledger.flow, sobject, done=reached.rows_done, expected=job.records_processed)
    for page in download_pages(run, sobject, reached.job_id, reached.locator):
        for batch in mapped_batches(page, sobject, checked, run.database.hashes, skip_rows=reached.rows_done):
            counts += store_batch(run.database, run.org_key, batch, landing, reached)
            reached = reached.after_rows(len(batch))
            seen.add(batch)
            progress.add(len(batch))
        reached = reached.after_page(page.next_locator)
        if reached.finished:
            read_all_bystanders(run, checked, landing, sobject)
        _store_progress(run, checked, reached)
    if seen.prove_absence(job.records_processed):
        counts += store_vanished(run.database, sobject, seen, landing)
    return counts


def mapped_batches(
    page: ResultsPage, sobject: SObject, checked: ResolvedMapping, hashes: AddressHash, *, skip_rows: int = 0
) -> Iterator[pd.DataFrame]:
    """Give the page's records in batches, mapped; the next batch is mapped while the database stores one.

    Each in the order of its keys: a database looks up and inserts them page by page of an index.
    """
    mapping, types = checked.rules.of(sobject), checked.types[sobject]
    rows = {"skip_rows": skip_rows, "expected_rows": page.number_of_records, "most_rows": most_at_once(mapping)}
    batches = read_batches(page.path, columns=checked.columns(sobject), **rows)

    def in_order(batch: pd.DataFrame) -> pd.DataFrame:
        return in_key_order(batch, mapping, types)

    def mapped(batch: pd.DataFrame) -> pd.DataFrame:
        return map_records(batch, sobject, mapping, types, hashes)

    # Put in order before they are mapped, when they are a third as much to move. Not in a generator: that would keep
    # each batch as it was read beside the one as it is mapped.
    return prefetch_one(map(mapped, map(in_order, batches)))


@task(task_run_name="store {reached.sobject} records from {reached.rows_done}", **IN_MEMORY)
def store_batch(
    database: CustomerDatabase, org_key: str, batch: pd.DataFrame, landing: LandingContext, reached: Checkpoint
) -> Counts:
    """Store one batch together with how far the run has come."""
    with database.transaction() as connection:
        counts = land_batch(connection, batch, reached.sobject, landing)
        save_checkpoint(connection, org_key, reached.after_rows(len(batch)))
    return counts


def _store_progress(run: Run, checked: ResolvedMapping, reached: Checkpoint) -> None:
    """Store that a page is done; with the last page, also that the object is complete up to `read_from`."""
    with run.database.transaction() as connection:
        save_checkpoint(connection, run.org_key, reached)
        if reached.finished:
            advance_watermark(connection, run.org_key, watermark_of(checked, reached.sobject, reached.read_from))
            forget_unmapped(connection, run.org_key, checked.saved.mapped)
