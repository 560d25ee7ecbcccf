"""Writing contact moments to Salesforce: one task a request, its results stored before the next one."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from prefect import get_run_logger, task

from crm_sync.budget.alerts_store import note_backlog
from crm_sync.budget.orgs_store import read_org_usage, read_rules
from crm_sync.budget.rules import sustained_rate
from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import LimitReachedError
from crm_sync.moments.due import DueFilter, count_due, count_without_record, read_due
from crm_sync.moments.forecast import MOMENTS_AT_ONCE, MomentForecast, forecast, most_within
from crm_sync.moments.objects import MomentObjects
from crm_sync.moments.payload import contents, moment_writes, payload_fingerprint, tried, with_results
from crm_sync.moments.results import count_refusals, count_tried, read_refused, store_tried
from crm_sync.moments.settings import MomentRules
from crm_sync.moments.summary import Backlog, MomentExportSummary, backlog
from crm_sync.outcomes import RefusalClass
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.write.bulk_ingest import split_files
from crm_sync.salesforce.write.collections import split_requests, write_records
from crm_sync.salesforce.write.plan import WriteLoad, WriteWay, plan_writes
from crm_sync.salesforce.write.records import RecordWrites, csv_file
from crm_sync.sobject import SObject
from tasks.run.forecasts import announce_forecast, polls_of_a_job
from tasks.run.retry_policy import IN_MEMORY, TALKS_TO_SALESFORCE
from tasks.run.run import Run, utc_now
from tasks.run.waiting import SLEEP
from tasks.write.bulk_ingest import read_results, start_job, wait_for_job
from tasks.write.unanswered import Doubt

# Seconds before each further try of what was refused for locks and the like, and up to as much again at random.
_PAUSES = (2.0, 10.0, 30.0)
# The length of a CSV is only worth knowing where it decides the way; its records are fewer than these.
_MAY_BE_INLINE = 5_000
# Salesforce does not say when a used-up day takes requests again; each hour gives some back.
_PERHAPS_AGAIN = timedelta(hours=1)
_BACKLOG = "contact moments"
# More rows make the page of an artifact slow; all are in moment_export.
_SHOWN_REFUSALS = 1_000


@dataclass(frozen=True)
class MomentExport:
    """What the steps of one export share."""

    objects: MomentObjects
    rules: MomentRules
    question: DueFilter
    # How often a Bulk job is asked before it has ended.
    polls: int = 1

    def writes(self, due: pd.DataFrame) -> list[RecordWrites]:
        """Return due moments as records, the object of contacts first, in their order and with their index."""
        found = [(one, due[due["sobject"] == str(one.parent)]) for one in reversed(self.objects.both)]
        return [moment_writes(moments, one, self.rules) for one, moments in found if len(moments)]


@task(task_run_name="find due contact moments", **IN_MEMORY)
def find_pull_scope(database: CustomerDatabase, question: DueFilter, most: int) -> pd.DataFrame:
    """Return due moments that this run has not tried yet."""
    with database.transaction() as connection:
        return read_due(connection, question, most)


@task(task_run_name="write {records} contact moments", **TALKS_TO_SALESFORCE)
def write_request(org: SalesforceOrg, writes: Sequence[RecordWrites], records: int) -> pd.DataFrame:
    """Write up to 1,000 moments with one request; when its answer is lost it is repeated as it is."""
    return pd.concat(write_records(org, writes))


@task(task_run_name="let locks go", **IN_MEMORY)
def pause_before_retry(seconds: float) -> None:
    """Wait before refused moments are written again."""
    SLEEP.get()(seconds)


@task(task_run_name="store results", **IN_MEMORY)
def store_results(database: CustomerDatabase, outcome: pd.DataFrame, *, were_sent: bool) -> None:
    """Store what became of moments; should this not happen any more, they are written once more, to the same end."""
    with database.transaction() as connection:
        store_tried(connection, outcome, utc_now(), were_sent=were_sent)


def prepare_export(run: Run, objects: MomentObjects, rules: MomentRules, *, refused_again: bool) -> MomentExport:
    """Return what the steps of this run share."""
    shapes = payload_fingerprint(objects, rules)
    question = DueFilter(rules, shapes, run.started_at, refused_again)
    return MomentExport(objects, rules, question, polls_of_a_job(run))


def announce_cost(run: Run, export: MomentExport) -> MomentForecast:
    """Say what the run will cost, before its first request."""
    with run.database.transaction() as connection:
        found = count_due(connection, export.question)
    due = {sobject: count.due for sobject, count in found.items()}
    new = {sobject: count.new for sobject, count in found.items()}
    cost = forecast(due, new, export.rules.most_per_run, polls=export.polls)
    get_run_logger().info("%s.", cost.sentence())
    return cost


def export_due(run: Run, export: MomentExport, cost: MomentForecast, *, split: bool) -> LimitReachedError | None:
    """Write all due moments, a Bulk job's worth at a time; return the limit that cut this short, if one did.

    When the requests left are too few for all: with `split` those are written that they suffice for, else none.
    """
    if not cost.due:
        return None
    left = export.rules.most_per_run
    if refusal := announce_forecast(run, cost.requests):
        left = most_within(cost, refusal.room, polls=export.polls) if split else 0
        get_run_logger().warning("%s %s contact moments are written now.", refusal, f"{left:,}" if left else "No")
    try:
        run.ledger.check_open(utc_now())
        while left > 0:
            asked = min(left, MOMENTS_AT_ONCE)
            due = find_pull_scope(run.database, export.question, asked)
            _export_batch(run, export, due)
            left = left - len(due) if len(due) == asked else 0
    except LimitReachedError as limit:
        return limit
    return refusal


def sum_up(
    run: Run, export: MomentExport, cost: MomentForecast, limit: LimitReachedError | None, *, dry_run: bool
) -> MomentExportSummary:
    """Count what became of the moments that this run tried, and what waits now."""
    with run.database.transaction() as connection:
        counts = count_tried(connection, run.started_at)
        refusals = count_refusals(connection, run.started_at)
        refused_moments = read_refused(connection, run.started_at, _SHOWN_REFUSALS)
        refused_in_all = sum(moments for *_, moments in count_refusals(connection))
        waiting = count_without_record(connection, export.question)
        due = count_due(connection, export.question) if cost.due and not dry_run else {}
        pace = sustained_rate(
            read_rules(connection, run.ledger.org), run.ledger.flow, read_org_usage(connection, run.ledger.org)
        )
        if not dry_run:
            note_backlog(connection, run.ledger.org, _BACKLOG, sum(count.due for count in due.values()), utc_now())
    now = utc_now()
    possible_from = _possible_from(run, limit, now) if limit else None
    return MomentExportSummary(
        forecast=cost,
        counts=counts,
        refusals=refusals,
        refused_in_all=refused_in_all,
        refused_moments=refused_moments,
        without_record=Backlog(waiting.due, waiting.since),
        left=backlog(due, possible_from=possible_from, an_hour=pace),
        requests_used=run.ledger.used,
        seconds=(now - run.started_at).total_seconds(),
        dry_run=dry_run,
        limit=str(limit) if limit else "",
    )


def _possible_from(run: Run, limit: LimitReachedError, now: datetime) -> datetime:
    """Return when requests are possible again, as the limit, the breaker or, knowing nothing, an hour says."""
    try:
        run.ledger.check_open(now)
    except LimitReachedError as closed:
        return limit.until or closed.until or now + _PERHAPS_AGAIN
    return limit.until or now + _PERHAPS_AGAIN


def _export_batch(run: Run, export: MomentExport, due: pd.DataFrame) -> None:
    """Write what differs from what Salesforce has; what is refused for a lock is written again a few times."""
    if due.empty:
        return
    written = pd.concat([contents(writes) for writes in export.writes(due)]).reindex(due.index)
    expected = tried(due, written, export.question.payload_fingerprint)
    is_same = written == due["content"]
    if is_same.any():
        store_results(run.database, expected[is_same], were_sent=False)
    todo = due[~is_same]
    for pause in (0.0, *_PAUSES):
        if todo.empty:
            break
        if pause:
            get_run_logger().info("%s contact moments were refused for now; they are written again.", f"{len(todo):,}")
            pause_before_retry(pause * (1 + random.random()))  # noqa: S311  # so that two runs do not meet again
        todo = _write_once(run, export, todo, expected)


def _write_once(run: Run, export: MomentExport, todo: pd.DataFrame, expected: pd.DataFrame) -> pd.DataFrame:
    """Write moments, and return those that a repeat can help; raises LimitReachedError when Salesforce stops it."""
    repeated = [todo.index[:0]]
    for results in _send(run, export, export.writes(todo)):
        outcome = with_results(expected.loc[results.index], results, export.objects.of(SObject.LEAD).moment_id)
        store_results(run.database, outcome, were_sent=True)
        if (outcome["refusal"] == RefusalClass.LIMIT).any():
            raise LimitReachedError(
                "The Salesforce org has used up what it allows in 24 hours; the next run goes on when Salesforce "
                "takes records again."
            )
        repeated.append(outcome.index[outcome["refusal"] == RefusalClass.TRANSIENT])
    return todo[todo.index.isin(repeated[0].append(repeated[1:]))]


def _send(run: Run, export: MomentExport, writes: Sequence[RecordWrites]) -> Iterator[pd.DataFrame]:
    """Write the records with the fewest requests, and give their results request by request."""
    ways = plan_writes([_load(one) for one in writes], polls=export.polls).ways
    jobs = [
        (part, start_job(run.org, part, content, Doubt(), inline=ways[one.sobject] is WriteWay.BULK_INLINE))
        for one in writes
        if ways[one.sobject] is not WriteWay.COLLECTIONS
        for part, content in split_files(one)
    ]
    # While Salesforce works on the jobs.
    for request in split_requests([one for one in writes if ways[one.sobject] is WriteWay.COLLECTIONS]):
        yield write_request(run.org, request, sum(map(len, request)))
    for part, job_id in jobs:
        yield read_results(run.org, wait_for_job(run.org, job_id, len(part)), part)


def _load(writes: RecordWrites) -> WriteLoad:
    length = len(csv_file(writes)) if len(writes) <= _MAY_BE_INLINE else None
    return WriteLoad(writes.sobject, len(writes), is_upsert=True, csv_bytes=length)
