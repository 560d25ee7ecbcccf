"""Reading what changed in Salesforce: all objects in one request, and what did not fit in as few as can be."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from prefect import get_run_logger, task

from crm_sync.customers.mirror import cut_ids
from crm_sync.errors import JobGoneError, PaginationError, QueryError, SyncError, UnknownFieldError
from crm_sync.mapping.checked import ResolvedMapping
from crm_sync.mapping.transform import map_records
from crm_sync.pull.read_plan import RANGE_FILL, Rest, Way, plan_reads
from crm_sync.salesforce.id_ranges import as_ranges, cuts_by_density
from crm_sync.salesforce.limits import QUERIES_PER_REQUEST
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read.composite import Answers, Page, ask_together, query_path
from crm_sync.salesforce.read.json_rows import records_frame
from crm_sync.sobject import SObject
from tasks.pull.bulk_query import download_pages, read_mapped, start_bulk_job, wait_for_bulk_job
from tasks.run.forecasts import announce_forecast
from tasks.run.retry_policy import TALKS_TO_SALESFORCE
from tasks.run.run import Run

_BATCH_RECORDS = 10_000


@dataclass
class Changes:
    """The changes of one object since a moment, as of `asked_at` by Salesforce's clock: its records, or that they
    have to be read with the Bulk API."""

    sobject: SObject
    since: datetime
    asked_at: datetime
    records: list[dict[str, Any]] = field(default_factory=list)
    needs_bulk: bool = False

    def add(self, page: Page) -> None:
        """Keep the records of a further page."""
        self.records += page.records


@task(task_run_name="ask Salesforce for {what}", **TALKS_TO_SALESFORCE)
def ask(org: SalesforceOrg, paths: list[str], what: str) -> Answers:
    """Ask up to five queries, or further pages, in one request."""
    return ask_together(org, paths)


def read_changes(run: Run, checked: ResolvedMapping, since: dict[SObject, datetime]) -> list[Changes]:
    """Read every object's records that changed since its moment, deleted ones too.

    Raises QueryError when Salesforce refuses a query.
    """
    # Contacts first: a lead that is converted in between is then seen as converted, and its customer follows it.
    asked = [sobject for sobject in checked.rules.mapped if sobject in since]
    queries = [query_path(run.org, checked.query(sobject, since=since[sobject], by_id=True)) for sobject in asked]
    answers = ask(run.org, queries, f"changed {' and '.join(since)} records")
    found = {sobject: Changes(sobject, at, answers.asked_at) for sobject, at in since.items()}
    firsts = dict(zip(asked, map(_page, answers.pages), strict=True))
    for sobject, page in firsts.items():
        found[sobject].add(page)
    _read_rest(run, checked, found, {sobject: page for sobject, page in firsts.items() if page.next_path})
    return list(found.values())


def _page(answer: Page | SyncError) -> Page:
    if isinstance(answer, SyncError):
        raise answer
    return answer


def _read_rest(run: Run, checked: ResolvedMapping, found: dict[SObject, Changes], firsts: dict[SObject, Page]) -> None:
    rests = [Rest(sobject, page.total - len(page.records), len(page.records)) for sobject, page in firsts.items()]
    if not rests:
        return
    plan = plan_reads(rests)
    for rest in rests:
        get_run_logger().info("%s: %s more records, read %s", rest.sobject, f"{rest.rows:,}", plan.ways[rest.sobject])
    if refusal := announce_forecast(run, plan.requests, advice=""):
        raise refusal
    paths: deque[tuple[SObject, str]] = deque()
    for rest in rests:
        match plan.ways[rest.sobject]:
            case Way.FOLLOW:
                paths.append((rest.sobject, firsts[rest.sobject].next_path or ""))
            case Way.RANGES:
                paths += _ranges(run, checked, found[rest.sobject], rest)
            case Way.BULK:
                found[rest.sobject].needs_bulk = True
    _read_paths(run, found, paths)
    for sobject, page in firsts.items():
        # Should Salesforce order Ids otherwise than their ranges were cut, records would be missing.
        if len({record["Id"] for record in found[sobject].records}) < page.total:
            found[sobject].needs_bulk = True


def _ranges(run: Run, checked: ResolvedMapping, changes: Changes, rest: Rest) -> Iterator[tuple[SObject, str]]:
    """Give the paths that read the rest by ranges; few of them should hold more than a page."""
    first, last = changes.records[0]["Id"], changes.records[-1]["Id"]
    with run.database.transaction() as connection:
        cuts = cut_ids(connection, last, parts=rest.ranges)
    if not cuts:
        # Records that are all new, as after an import: nothing is known but how close together they are.
        rows_each = rest.page_rows * RANGE_FILL
        cuts = cuts_by_density(first, last, len(changes.records), ranges=rest.ranges, rows_each=rows_each)
    for after, up_to in as_ranges(last, cuts):
        bounds = {"since": changes.since, "after": after, "up_to": up_to, "by_id": True}
        yield rest.sobject, query_path(run.org, checked.query(rest.sobject, **bounds))


def _read_paths(run: Run, found: dict[SObject, Changes], paths: deque[tuple[SObject, str]]) -> None:
    """Read every path and the pages that follow it, five in a request."""
    seen = set()
    while paths:
        asked = [paths.popleft() for _ in range(min(len(paths), QUERIES_PER_REQUEST))]
        answers = ask(run.org, [path for _, path in asked], f"{len(asked)} further pages")
        for (sobject, path), answer in zip(asked, answers.pages, strict=True):
            # The first page came: what is refused are further pages, or ranges, within a composite request.
            if isinstance(answer, (JobGoneError, QueryError)) and not isinstance(answer, UnknownFieldError):
                found[sobject].needs_bulk = True
                continue
            page = _page(answer)
            found[sobject].add(page)
            seen.add(path)
            if page.next_path in seen:
                raise PaginationError(f"Salesforce gave the same page of {sobject} twice; start the pull again.")
            if page.next_path:
                paths.append((sobject, page.next_path))


def mapped_batches(run: Run, checked: ResolvedMapping, changes: Changes) -> Iterator[pd.DataFrame]:
    """Give the changes of an object in batches, mapped."""
    sobject = changes.sobject
    if changes.needs_bulk:
        yield from _read_in_bulk(run, checked, changes)
        return
    mapping, types = checked.rules.of(sobject), checked.types[sobject]
    for start in range(0, len(changes.records), _BATCH_RECORDS):
        some = changes.records[start : start + _BATCH_RECORDS]
        yield map_records(records_frame(some, checked.columns(sobject), types), sobject, mapping, types)


def _read_in_bulk(run: Run, checked: ResolvedMapping, changes: Changes) -> Iterator[pd.DataFrame]:
    sobject = changes.sobject
    job = start_bulk_job(run.org, sobject, checked.query(sobject, since=changes.since))
    wait_for_bulk_job(run.org, sobject, job.id, run.sleep)
    with TemporaryDirectory(prefix="pull-") as folder:
        for page in download_pages(run.org, sobject, job.id, None, Path(folder)):
            yield from read_mapped(page, sobject, checked, skip_rows=0)


def mark_last(batches: Iterator[pd.DataFrame]) -> Iterator[tuple[pd.DataFrame | None, bool]]:
    """Give each batch and whether it is the last; nothing, as the last, when there is none."""
    held = next(batches, None)
    for following in batches:
        yield held, False
        held = following
    yield held, True
