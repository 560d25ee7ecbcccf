"""The steps of an incremental pull: read what changed, and store or preview it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pandas as pd
from prefect import get_run_logger, task

from crm_sync.customers.bystanders_store import land_bystanders
from crm_sync.customers.dry_run import preview_batches
from crm_sync.customers.landing import land_batch
from crm_sync.customers.landing_context import LandingContext
from crm_sync.customers.mirror import holds_any
from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import UnknownFieldError
from crm_sync.mapping.checked import ResolvedMapping, without_missing_fields
from crm_sync.mapping.model import MappingRules
from crm_sync.mapping.transform import map_records
from crm_sync.pull import due
from crm_sync.pull.due import PullScope
from crm_sync.pull.record_changes_store import SHOWN_CHANGES, RecordChange, changes_to_come
from crm_sync.pull.watermarks_store import Watermark, forget_unmapped, move_watermark, read_watermarks
from crm_sync.runs.counts import Counts
from crm_sync.salesforce.read.changed_since import Changes
from crm_sync.salesforce.schema.describe import ENCRYPTED
from crm_sync.sobject import SObject
from tasks.pull.bystanders import bystanders
from tasks.pull.formulas import as_read, changed_formulas, formula_queries
from tasks.pull.landing import Landed, complete_landing, landing_of
from tasks.pull.whole_object import mapped_batches
from tasks.run.forecasts import announce_forecast
from tasks.run.mapping import check_mapping, no_access, raise_if_all_left_out
from tasks.run.reading import read_changes, read_frames, read_in_bulk
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import Run


def find_pull_scope(run: Run, rules: MappingRules) -> PullScope:
    """Return from where each object can be pulled, and why full syncs are due."""
    with run.database.transaction() as connection:
        return due.find_pull_scope(rules, read_watermarks(connection, run.org_key))


def read_changed(
    run: Run, rules: MappingRules, marks: dict[SObject, Watermark], overlap: timedelta
) -> tuple[ResolvedMapping, dict[str, Changes]]:
    """Read every object's changes since its watermark, and what bystanders say of consent; a field that has vanished is
    left out of the mapping, and so is an object. Raises AuthorizationError when Salesforce shows none of them."""
    if not marks:
        return ResolvedMapping(rules, {}, {}, rules), {}
    checked = _resolve_mapping(run, rules, marks)
    try:
        found = _read(run, checked, marks, overlap)
    except UnknownFieldError:
        get_run_logger().warning("A mapped field is not there any more; Salesforce is asked what it shows.")
        checked = _ask_anew(run, rules, marks)
        found = _read(run, checked, marks, overlap)
    refused = {changes.query.sobject for changes in found.values() if changes.refusal}
    left_out = checked.left_out | {sobject: no_access(sobject) for sobject in refused}
    raise_if_all_left_out(checked.rules, left_out)
    read = {name: changes for name, changes in found.items() if changes.query.sobject not in refused}
    return replace(checked, left_out=left_out), read


def _ask_anew(run: Run, rules: MappingRules, marks: dict[SObject, Watermark]) -> ResolvedMapping:
    return check_mapping(run.org, rules, list(marks), {sobject: mark.field_types for sobject, mark in marks.items()})


def _resolve_mapping(run: Run, rules: MappingRules, marks: dict[SObject, Watermark]) -> ResolvedMapping:
    """Return the mapping as far as Salesforce shows its fields; asks only about fields that no watermark knows, and
    encrypted ones.

    An object of which nothing was ever stored is left out: no record of it is a customer's source. Raises MappingError
    for a new link that cannot be.
    """
    with run.database.transaction() as connection:
        unread = [sobject for sobject in rules.mapped if sobject not in marks and not holds_any(connection, sobject)]
    rules, found = rules.without(unread), {}
    for sobject in rules.mapped:
        known = marks[sobject].field_types if sobject in marks else {}
        paths = rules.of(sobject).salesforce_fields
        # That the right to see an encrypted text was taken makes its values masks, and is no error.
        if not set(paths) <= known.keys() or ENCRYPTED in known.values():
            return _ask_anew(run, rules, marks)
        found[sobject] = {path: known[path] for path in paths}
    return without_missing_fields(rules, found)


def _read(
    run: Run, checked: ResolvedMapping, marks: dict[SObject, Watermark], overlap: timedelta
) -> dict[str, Changes]:
    # Contacts first: a lead that is converted in between is then seen as converted, and its customer follows it.
    asked = [sobject for sobject in checked.readable if sobject in marks]
    since = {sobject: marks[sobject].stored_until - overlap for sobject in asked}
    queries = [checked.changes(sobject, since[sobject]) for sobject in asked]
    queries += [query for sobject in asked if (query := checked.bystanders(sobject, since[sobject]))]
    queries += formula_queries(run, checked, marks)

    return read_changes(run, queries, lambda plan: announce_forecast(run, plan.requests))


def store_changed(
    run: Run,
    checked: ResolvedMapping,
    found: dict[str, Changes],
    marks: dict[SObject, Watermark],
    *,
    is_approved: bool = False,
) -> Landed:
    """Store each object's changes, and with the last batch how far it is stored; then judge consent."""
    counts, shown, landing = {}, list[RecordChange](), landing_of(run, checked)
    for sobject, known in marks.items():
        if sobject not in found:
            continue
        until = min(changes.asked_at for changes in found.values() if changes.query.sobject is sobject)
        mark = as_read(run, checked, replace(known, stored_until=until, field_types=checked.field_types(sobject)))
        counts[sobject] = Counts()
        for batch, is_last in mark_last(_all_batches(run, checked, found, sobject)):
            most = SHOWN_CHANGES - len(shown)
            stored, brought = store_batch(
                run.database, run.org_key, batch, landing, mark, is_last=is_last, most_shown=most
            )
            counts[sobject] += stored
            shown += brought
    return replace(complete_landing(run, checked, landing, counts, is_approved=is_approved), shown=shown)


def preview_changed(run: Run, checked: ResolvedMapping, found: dict[str, Changes], *, show_values: bool) -> Landed:
    """Find out what the changes would do; all are read before, for no transaction waits for Salesforce."""
    objects = [sobject for sobject in SObject if sobject in found]
    batches = [(sobject, batch) for sobject in objects for batch in _batches(run, checked, found, sobject)]
    landing = replace(landing_of(run, checked), sets_aside=False)
    counts, would_change = preview(run.database, batches, landing, show_values=show_values)
    return Landed(counts, would_change=would_change)


@dataclass(frozen=True)
class _Batch:
    """Mapped records of an object; `is_of_bystanders`: only what they say of consent counts."""

    records: pd.DataFrame
    is_of_bystanders: bool = False


def _all_batches(run: Run, checked: ResolvedMapping, found: dict[str, Changes], sobject: SObject) -> Iterator[_Batch]:
    """Give the changes of an object in batches; bystanders last, when it is known who takes part."""
    yield from (_Batch(records) for records in _batches(run, checked, found, sobject))
    query = checked.bystanders(sobject)
    if query and query.name in found:
        frames = read_frames(run, found[query.name])
        yield from (_Batch(records, is_of_bystanders=True) for records in bystanders(run, checked, sobject, frames))


def _batches(run: Run, checked: ResolvedMapping, found: dict[str, Changes], sobject: SObject) -> Iterator[pd.DataFrame]:
    """Give the changes of an object in batches, mapped."""
    changes = found[sobject]
    if changes.needs_bulk:
        for page in read_in_bulk(run, changes.query):
            yield from mapped_batches(page, sobject, checked, run.database.hashes)
    else:
        for frame in changes.frames():
            yield map_records(frame, sobject, checked.rules.of(sobject), checked.types[sobject], run.database.hashes)
    if again := found.get(checked.formulas(sobject, []).name):
        yield from changed_formulas(run, checked, again)


def mark_last(batches: Iterator[_Batch]) -> Iterator[tuple[_Batch | None, bool]]:
    """Give each batch and whether it is the last; None, as the last, when there is no batch."""
    held = next(batches, None)
    for following in batches:
        yield held, False
        held = following
    yield held, True


@task(task_run_name="store changed {mark.sobject} records", **IN_MEMORY)
def store_batch(
    database: CustomerDatabase,
    org_key: str,
    batch: _Batch | None,
    landing: LandingContext,
    mark: Watermark,
    *,
    is_last: bool,
    most_shown: int,
) -> tuple[Counts, list[RecordChange]]:
    """Store one batch of changes; with the last one, also that the object is stored up to the watermark.

    Returns the counts, and at most `most_shown` of the records that differ from what was known.
    """
    counts, changes = Counts(), []
    with database.transaction() as connection:
        if batch is not None and batch.is_of_bystanders:
            land_bystanders(connection, batch.records, mark.sobject, landing)
        elif batch is not None:
            changes = changes_to_come(connection, batch.records, mark.sobject, most_shown)
            counts = land_batch(connection, batch.records, mark.sobject, landing)
        if is_last:
            move_watermark(connection, org_key, mark)
            forget_unmapped(connection, org_key, landing.rules.mapped)
    return counts, changes


@task(task_run_name="find out what would change", **IN_MEMORY)
def preview(
    database: CustomerDatabase,
    batches: list[tuple[SObject, pd.DataFrame]],
    landing: LandingContext,
    *,
    show_values: bool,
) -> tuple[dict[SObject, Counts], pd.DataFrame]:
    """Return what storing the batches would come to, and keep nothing of it."""
    return preview_batches(database, batches, landing, show_values=show_values)
