"""Writing records to Salesforce: collections or a Bulk job, whichever takes fewer requests; results as they come."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pandas as pd
from prefect import task

from crm_sync.errors import UnknownOutcomeError
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.write.bulk_ingest import split_files
from crm_sync.salesforce.write.collections import split_requests, write_records
from crm_sync.salesforce.write.plan import WriteLoad, WritePlan, WriteWay, plan_writes
from crm_sync.salesforce.write.records import RecordWrites, csv_file
from crm_sync.sobject import SObject
from tasks.run.retry_policy import TALKS_TO_SALESFORCE
from tasks.write.bulk_ingest import read_results, start_job, wait_for_job
from tasks.write.unanswered import Doubt

# Fewer records than this never go by a Bulk job, so the length of their CSV need not be known.
_SURELY_COLLECTIONS = 1_000


@task(task_run_name="write records", **TALKS_TO_SALESFORCE)
def write_together(org: SalesforceOrg, writes: Sequence[RecordWrites], doubt: Doubt) -> list[pd.DataFrame]:
    """Write up to 1,000 records with one request; a repeat writes the same values to the same records."""
    with doubt.arises_here():
        return write_records(org, writes)


def send(
    org: SalesforceOrg,
    urgent: Sequence[RecordWrites],
    others: Sequence[RecordWrites],
    still_here: Callable[[], None],
) -> Iterator[pd.DataFrame]:
    """Write records, the urgent ones first, and yield result frames as they come.

    Raises LimitReachedError when the rest was not sent, UnknownOutcomeError when what was asked last is in doubt;
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
            job_id = start_job(org, part, content, doubt, inline=inline)
            # From here on Salesforce writes, whether or not it is asked again.
            doubt.exists = True
            ended = wait_for_job(org, job_id, len(part), still_here)
            results = read_results(org, ended, part)
        yield results


@contextmanager
def _about(writes: Sequence[RecordWrites]) -> Iterator[None]:
    """Note on an UnknownOutcomeError which records it is about."""
    try:
        yield
    except UnknownOutcomeError as error:
        error.in_doubt = tuple(label for one in writes for label in one.records.index)
        raise
