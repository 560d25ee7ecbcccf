"""Writing records to Salesforce: collections or a Bulk job, whichever takes fewer requests; results as they come."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
from prefect import task

from crm_sync.errors import LimitReachedError, RetriableError
from crm_sync.mapping import SObject
from crm_sync.salesforce import bulk_ingest
from crm_sync.salesforce.bulk_ingest import IngestJob, split_files
from crm_sync.salesforce.ingest_results import read_ingest_results
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.record_writes import RecordWrites, csv_file
from crm_sync.salesforce.writes import split_requests, write_records
from crm_sync.write_plan import WriteLoad, WritePlan, WriteWay, plan_writes
from tasks.bulk_reads import SLEEP
from tasks.retry_policy import TALKS_TO_SALESFORCE

# Fewer records than this never go by a Bulk job, so the length of their CSV need not be known.
_SURELY_COLLECTIONS = 1_000


class UnansweredError(LimitReachedError):
    """A limit was reached after Salesforce got records and before it said what became of them.

    `in_doubt`: the labels of those records.
    """

    in_doubt: tuple[int, ...] = ()


@dataclass
class Doubt:
    """Whether records may have been written by an attempt that got no answer."""

    exists: bool = False

    @contextmanager
    def arises_here(self) -> Iterator[None]:
        """Note that an attempt inside of this got no answer."""
        try:
            yield
        except RetriableError:
            self.exists = True
            raise

    @contextmanager
    def remains(self) -> Iterator[None]:
        """Tell a limit that was met in doubt from one that left nothing written."""
        try:
            yield
        except LimitReachedError as cut:
            if self.exists:
                raise UnansweredError(str(cut), code=cut.code, until=cut.until) from cut
            raise


@task(task_run_name="write records", **TALKS_TO_SALESFORCE)
def write_together(org: SalesforceOrg, writes: Sequence[RecordWrites], doubt: Doubt) -> list[pd.DataFrame]:
    """Write up to 1,000 records with one request; a repeat writes the same values to the same records."""
    with doubt.arises_here():
        return write_records(org, writes)


@task(task_run_name="start Bulk job for {writes.sobject}", **TALKS_TO_SALESFORCE)
def create_job(org: SalesforceOrg, writes: RecordWrites, content: bytes, doubt: Doubt, *, inline: bool) -> IngestJob:
    """Make a job; with `inline` it has its records and begins."""
    if not inline:
        return bulk_ingest.create_ingest_job(org, writes)
    with doubt.arises_here():
        return bulk_ingest.create_ingest_job(org, writes, inline=content)


@task(task_run_name="upload records to {job_id}", **TALKS_TO_SALESFORCE)
def upload(org: SalesforceOrg, job_id: str, content: bytes) -> None:
    """Give a job its records."""
    bulk_ingest.upload_csv(org, job_id, content)


@task(task_run_name="begin Bulk job {job_id}", **TALKS_TO_SALESFORCE)
def close_job(org: SalesforceOrg, job_id: str, doubt: Doubt) -> None:
    """Let Salesforce begin to write."""
    with doubt.arises_here():
        bulk_ingest.close_ingest_job(org, job_id)


@task(task_run_name="wait for Bulk job {job_id}", **TALKS_TO_SALESFORCE)
def wait_for_job(org: SalesforceOrg, job_id: str, records: int, still_here: Callable[[], None]) -> IngestJob:
    """Wait until a job has ended; every look is a request, so looks get rarer."""
    return bulk_ingest.wait_for_ingest(org, job_id, records, SLEEP.get(), lambda _: still_here())


@task(task_run_name="read results of Bulk job {job.id}", **TALKS_TO_SALESFORCE)
def read_results(org: SalesforceOrg, job: IngestJob, writes: RecordWrites) -> pd.DataFrame:
    """Return what became of each record."""
    return read_ingest_results(org, job, writes)


def send(
    org: SalesforceOrg,
    urgent: Sequence[RecordWrites],
    others: Sequence[RecordWrites],
    still_here: Callable[[], None],
) -> Iterator[pd.DataFrame]:
    """Write records, the urgent ones first, and yield result frames as they come.

    Raises LimitReachedError when the rest was not sent, UnansweredError when what was asked last is in doubt;
    `in_doubt` of the latter has the index of those records.
    """
    every = [*urgent, *others]
    plan = _plan(every)
    if set(plan.ways.values()) <= {WriteWay.COLLECTIONS}:
        yield from _send_collections(org, every)
        return
    for group in (urgent, others):
        own = _plan(group)
        collections = [one for one in group if own.ways[one.sobject] is WriteWay.COLLECTIONS]
        yield from _send_collections(org, collections)
        for one in group:
            if own.ways[one.sobject] is not WriteWay.COLLECTIONS:
                yield from _send_bulk(org, one, own.ways[one.sobject], still_here)


def requests_for(urgent: Mapping[SObject, int], others: Mapping[SObject, int], *, polls: int) -> int:
    """Return how many requests `send` takes for so many records of each object, but for what is sent again.

    `polls`: how often a Bulk job is asked before it has ended.
    """
    every = {name: urgent.get(name, 0) + others.get(name, 0) for name in {*urgent, *others}}
    together = _plan_numbers(every)
    if set(together.ways.values()) <= {WriteWay.COLLECTIONS}:
        return together.requests
    plans = [_plan_numbers(urgent), _plan_numbers(others)]
    jobs = sum(way is not WriteWay.COLLECTIONS for plan in plans for way in plan.ways.values())
    return sum(plan.requests for plan in plans) + jobs * (polls - 1)


def _plan_numbers(records: Mapping[SObject, int]) -> WritePlan:
    return plan_writes([WriteLoad(name, count, is_upsert=False) for name, count in records.items()])


def _plan(group: Sequence[RecordWrites]) -> WritePlan:
    records: dict[str, int] = {}
    sizes: dict[str, int] = {}
    few = sum(map(len, group)) <= _SURELY_COLLECTIONS
    for one in group:
        records[one.sobject] = records.get(one.sobject, 0) + len(one)
        sizes[one.sobject] = sizes.get(one.sobject, 0) + (0 if few else len(csv_file(one)))
    return plan_writes(
        [WriteLoad(name, count, is_upsert=False, csv_bytes=sizes[name] or None) for name, count in records.items()]
    )


def _send_collections(org: SalesforceOrg, writes: Sequence[RecordWrites]) -> Iterator[pd.DataFrame]:
    for request in split_requests(writes):
        doubt = Doubt()
        with _about(request), doubt.remains():
            results = write_together(org, request, doubt)
        yield pd.concat(results)


def _send_bulk(
    org: SalesforceOrg, writes: RecordWrites, way: WriteWay, still_here: Callable[[], None]
) -> Iterator[pd.DataFrame]:
    for part, content in split_files(writes):
        doubt, inline = Doubt(), way is WriteWay.BULK_INLINE
        with _about([part]), doubt.remains():
            job = create_job(org, part, content, doubt, inline=inline)
            if not inline:
                upload(org, job.id, content)
                close_job(org, job.id, doubt)
            # From here on Salesforce writes, whether or not it is asked again.
            doubt.exists = True
            ended = wait_for_job(org, job.id, len(part), still_here)
            results = read_results(org, ended, part)
        yield results


@contextmanager
def _about(writes: Sequence[RecordWrites]) -> Iterator[None]:
    """Note on an UnansweredError which records it is about."""
    try:
        yield
    except UnansweredError as error:
        error.in_doubt = tuple(label for one in writes for label in one.records.index)
        raise
