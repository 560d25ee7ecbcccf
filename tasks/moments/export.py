"""Exports contact moments to Salesforce in batches; the results of each request are stored before the next one."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from prefect import get_run_logger, task

from crm_sync.budget.alerts_store import note_backlog
from crm_sync.budget.orgs_store import read_org_usage, read_rules
from crm_sync.budget.rules import sustained_rate
from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import LimitReachedError, QueryError
from crm_sync.moments import results_store
from crm_sync.moments.due_store import DueFilter, count_due, count_still_refused, count_without_record, read_due
from crm_sync.moments.forecast import MOMENTS_AT_ONCE, Backlog, MomentForecast, backlog, forecast, possible_from
from crm_sync.moments.left_out import LeftOutFields
from crm_sync.moments.object_checks import refused_fields
from crm_sync.moments.objects import MomentObjects
from crm_sync.moments.payload import apply_results, expected_results, moment_writes, payload_fingerprint
from crm_sync.moments.settings import MomentRules
from crm_sync.moments.summary import MomentExportSummary
from crm_sync.salesforce.write.options import WriteOptions
from crm_sync.salesforce.write.records import RecordWrites
from tasks.run.forecasts import announce_forecast, polls_of_a_job
from tasks.run.reading import describe_object
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import Run, utc_now
from tasks.write.send import open_writer

_BACKLOG = "contact moments"
# More rows make the page of an artifact slow; all are in moment_export.
_SHOWN_REFUSALS = 1_000
# How often moments are written, each time without the fields that were refused.
_ROUNDS = 4


@dataclass(frozen=True)
class MomentExport:
    """What the steps of one export share."""

    run: Run
    objects: MomentObjects
    due_filter: DueFilter
    left_out: LeftOutFields


@task(task_run_name="find due contact moments", **IN_MEMORY)
def find_due(database: CustomerDatabase, due_filter: DueFilter, most: int) -> pd.DataFrame:
    """Return due moments that this run has not tried yet."""
    with database.transaction() as connection:
        return read_due(connection, due_filter, most)


@task(task_run_name="store results", **IN_MEMORY)
def store_results(database: CustomerDatabase, results: pd.DataFrame, *, were_sent: bool) -> None:
    """Store the results of moments; without them, the next run writes the same values to the same records again."""
    with database.transaction() as connection:
        results_store.store_results(connection, results, utc_now(), were_sent=were_sent)


def prepare_export(run: Run, objects: MomentObjects, rules: MomentRules, *, refused_again: bool) -> MomentExport:
    """Return what the steps of this run share."""
    due_filter = DueFilter(rules, payload_fingerprint(objects, rules), run.started_at, refused_again)
    needed = {name for one in objects.both for name in (one.lookup, one.moment_id)}
    return MomentExport(run, objects, due_filter, LeftOutFields(needed))


def announce_cost(export: MomentExport) -> MomentForecast:
    """Log the cost of the run before its first request."""
    with export.run.database.transaction() as connection:
        due = count_due(connection, export.due_filter)
    cost = forecast(due, export.due_filter.rules.most_per_run, polls=polls_of_a_job(export.run))
    get_run_logger().info("%s.", cost.sentence())
    return cost


def export_due(export: MomentExport, cost: MomentForecast) -> LimitReachedError | None:
    """Write all due moments, a Bulk job's worth at a time; return the limit that cut this short, if one did."""
    if not cost.due:
        return None
    run, left = export.run, export.due_filter.rules.most_per_run
    announce_forecast(run, cost.requests)
    try:
        run.ledger.check_open(utc_now())
        while left > 0:
            wanted = min(left, MOMENTS_AT_ONCE)
            due = find_due(run.database, export.due_filter, wanted)
            _export_batch(export, due)
            left = left - len(due) if len(due) == wanted else 0
    except LimitReachedError as limit:
        return limit
    return None


def _export_batch(export: MomentExport, due: pd.DataFrame) -> None:
    """Write the moments that differ from Salesforce; raises LimitReachedError when a limit keeps the rest back."""
    if due.empty:
        return
    run, due_filter = export.run, export.due_filter
    writes = moment_writes(due, export.objects, due_filter.rules)
    expected = expected_results(due, writes, due_filter.payload_fingerprint)
    is_same = expected["content"] == due["content"]
    if is_same.any():
        store_results(run.database, expected[is_same], were_sent=False)
    export.left_out.begin_batch()
    left = [one.where(~is_same[one.records.index]) for one in writes]
    for number in range(_ROUNDS):
        left = _write_once(export, expected, left, is_last=number == _ROUNDS - 1)
        if not left:
            return


def _write_once(
    export: MomentExport, expected: pd.DataFrame, writes: list[RecordWrites], *, is_last: bool
) -> list[RecordWrites]:
    """Write moments, and store their results; returns those that are to be written again, without refused fields."""
    writes, again = [export.left_out.without(one) for one in writes], list[RecordWrites]()
    options = WriteOptions(export.due_filter.rules.records_at_once)
    for delivery in open_writer(export.run, options).write(writes):
        repeated = [] if is_last else [_repeat(export, one, delivery.results) for one in writes]
        again += [one for one in repeated if len(one)]
        waits = [label for one in repeated for label in one.records.index]
        done = export.left_out.explained(delivery.results[~delivery.results.index.isin(waits)])
        if len(done):
            store_results(export.run.database, apply_results(expected, done), were_sent=True)
        if delivery.limit:
            raise delivery.limit
    return again


def _repeat(export: MomentExport, writes: RecordWrites, results: pd.DataFrame) -> RecordWrites:
    """Return the records to write again without fields; where Salesforce does not say which, it is asked."""
    if not results.empty and export.left_out.needs_look(writes, results):
        moments = next(one for one in export.objects.both if one.name == writes.sobject)
        with suppress(QueryError):  # of an object that is not there
            export.left_out.lack(moments.name, refused_fields(moments, describe_object(export.run.org, moments.name)))
    return export.left_out.repeat(writes, results)


def sum_up(
    export: MomentExport, cost: MomentForecast, limit: LimitReachedError | None, *, dry_run: bool
) -> MomentExportSummary:
    """Count the results of this run, and the moments that wait now."""
    run, now = export.run, utc_now()
    org, since = run.ledger.org, run.started_at
    again_at = _possible_from(run, limit, now) if limit else None
    with run.database.transaction() as connection:
        waiting = count_without_record(connection, export.due_filter)
        due = count_due(connection, export.due_filter) if cost.due and not dry_run else {}
        if not dry_run:
            note_backlog(connection, org, _BACKLOG, sum(count.due for count in due.values()), now)
        pace = sustained_rate(read_rules(connection, org), run.ledger.flow, read_org_usage(connection, org))
        return MomentExportSummary(
            forecast=cost,
            counts=results_store.count_results(connection, since),
            refusals=results_store.count_refusals(connection, since),
            refused_in_all=sum(moments for *_, moments in results_store.count_refusals(connection)),
            refused_moments=results_store.read_refused(connection, since, _SHOWN_REFUSALS),
            left_out=export.left_out.number,
            still_refused=0 if dry_run else count_still_refused(connection, export.due_filter),
            without_record=Backlog(waiting.due, waiting.since),
            left=backlog(due, possible_from=again_at, an_hour=pace),
            requests_used=run.ledger.used,
            seconds=(now - since).total_seconds(),
            dry_run=dry_run,
            limit=str(limit) if limit else "",
        )


def _possible_from(run: Run, limit: LimitReachedError, now: datetime) -> datetime:
    try:
        run.ledger.check_open(now)
    except LimitReachedError as closed:
        return possible_from(now, limit, closed)
    return possible_from(now, limit)
