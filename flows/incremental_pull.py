"""Every ten minutes: what was added, changed, deleted, merged or converted in Salesforce."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import pandas as pd
from prefect import flow, get_run_logger, runtime
from pydantic import Field

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.customers.landing import LandingContext
from crm_sync.errors import SyncError, UnknownFieldError
from crm_sync.mapping.checked import ResolvedMapping
from crm_sync.mapping.model import MappingRules
from crm_sync.pull.record_changes import SHOWN_CHANGES, RecordChange
from crm_sync.pull.summary import SyncSummary
from crm_sync.pull.watermarks import Watermark
from crm_sync.runs.counts import Counts
from crm_sync.sobject import SObject
from flows.full_sync import full_sync
from tasks.pages.sync import publish_changes, publish_record_changes, publish_summary
from tasks.pull.changes import Changes, mapped_batches, mark_last, read_changes
from tasks.pull.due import find_pull_scope, resolve_mapping
from tasks.pull.mapping import check_mapping
from tasks.pull.store import preview_changes, store_changes
from tasks.run.late_runs import is_late_run, skipped_state
from tasks.run.run import Run, ended, ended_early, log_errors_as_sentences, open_run, utc_now

_FLOW = "incremental_pull"
EVERY = timedelta(minutes=10)


def _run_name() -> str:
    return "incremental pull" + (", dry run" if runtime.flow_run.parameters.get("dry_run") else "")


@flow(name=_FLOW, flow_run_name=_run_name)
def incremental_pull(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    mapping: DataMapping | str = "mapping",
    *,
    dry_run: bool = False,
    show_values: bool = False,
    overlap_minutes: Annotated[int, Field(ge=0, le=1440)] = 10,
    full_sync_first: bool = False,
) -> SyncSummary:
    """Bring what changed in Salesforce since the last run into the customer database.

    An object that was never read whole is left to a full sync. Running it again changes nothing.

    Args:
        salesforce: Salesforce credentials, a saved block or its name.
        database: Customer database, a saved block or its name.
        mapping: Data mapping, a saved block or its name.
        dry_run: Show which customers would change, field by field, and write nothing.
        show_values: In a dry run, show personal values in full; else only their first character.
        overlap_minutes: Read so many minutes again, because changes can become visible late.
        full_sync_first: Do the full sync that is due, if one is, and then go on.
    """
    log_errors_as_sentences()
    if is_late_run(EVERY, utc_now()):
        return skipped_state(EVERY)  # type: ignore[return-value]  # for the flow's caller there is nothing
    try:
        rules = load_block(DataMapping, mapping).rules()
        with open_run(_FLOW, salesforce, database) as run:
            due = find_pull_scope(run, rules)
            if due.full_sync and full_sync_first and not dry_run:
                full_sync(salesforce, database, mapping, objects=[sobject.value for sobject in due.full_sync])
                due = find_pull_scope(run, rules)
            checked, found = _read(run, rules, due.marks, timedelta(minutes=overlap_minutes))
            preview, changes = None, list[RecordChange]()
            if dry_run:
                counts, preview = _preview(run, checked, found, show_values=show_values)
            else:
                counts, changes = _store(run, checked, found, due.marks)
            missing = {change.sobject: checked.missing[change.sobject] for change in found}
            summary = run.finish(
                counts, own_rejects=True, missing_fields=missing, full_sync_due=due.after(found), changes=preview
            )
        publish_summary(_FLOW, summary)
        publish_changes(_FLOW, summary)
        publish_record_changes(_FLOW, changes, summary)
    except SyncError as error:
        return ended_early(error)
    return ended(summary)


def _read(
    run: Run, rules: MappingRules, marks: dict[SObject, Watermark], overlap: timedelta
) -> tuple[ResolvedMapping, list[Changes]]:
    """Read what changed; a field that has vanished is left out, and the mapping stays as it is."""
    if not marks:
        return ResolvedMapping(rules, {}, {}, rules), []
    since = {sobject: mark.stored_until - overlap for sobject, mark in marks.items()}
    checked = resolve_mapping(run, rules, marks)
    try:
        return checked, read_changes(run, checked, since)
    except UnknownFieldError:
        get_run_logger().warning("A mapped field is not there any more; Salesforce is asked what it shows.")
        checked = check_mapping(run.org, rules, list(marks))
        return checked, read_changes(run, checked, since)


def _store(
    run: Run, checked: ResolvedMapping, found: list[Changes], marks: dict[SObject, Watermark]
) -> tuple[dict[SObject, Counts], list[RecordChange]]:
    """Store each object's changes, and with the last batch how far it is stored; return some of them to show."""
    counts, shown = {}, list[RecordChange]()
    for change in found:
        known = checked.field_types(change.sobject)
        mark = replace(marks[change.sobject], stored_until=change.asked_at, field_types=known)
        counts[change.sobject] = Counts()
        for batch, is_last in mark_last(mapped_batches(run, checked, change)):
            stored, brought = store_changes(
                run.database,
                run.org_key,
                batch,
                _landing(run, checked),
                mark,
                last=is_last,
                shown=SHOWN_CHANGES - len(shown),
            )
            counts[change.sobject] += stored
            shown += brought
    return counts, shown


def _preview(
    run: Run, checked: ResolvedMapping, found: list[Changes], *, show_values: bool
) -> tuple[dict[SObject, Counts], pd.DataFrame]:
    """Find out what the changes would do; all are read before, for no transaction waits for Salesforce."""
    batches = [(change.sobject, batch) for change in found for batch in mapped_batches(run, checked, change)]
    return preview_changes(run.database, batches, _landing(run, checked), show_values=show_values)


def _landing(run: Run, checked: ResolvedMapping) -> LandingContext:
    return LandingContext(checked.rules, checked.types, run.number, run.started_at, only_changed=True)
