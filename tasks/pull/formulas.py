"""Reading again what changes without a stamp, formulas and fields of a parent, as often as the mapping says."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from crm_sync.customers.read_again import changed_unstamped
from crm_sync.mapping.checked import ResolvedMapping
from crm_sync.mapping.transform import map_records
from crm_sync.mapping.unstamped import unstamped_fields
from crm_sync.pull.watermarks_store import Watermark
from crm_sync.salesforce.read.changed_since import ChangeQuery, Changes
from crm_sync.sobject import SObject
from tasks.run.mapping import find_mapped_fields
from tasks.run.reading import read_frames
from tasks.run.run import Run


def formula_queries(run: Run, checked: ResolvedMapping, marks: Mapping[SObject, Watermark]) -> list[ChangeQuery]:
    """Return the queries for the formulas of every record, of the objects for which that is due."""
    due = [sobject for sobject in checked.readable if sobject in marks and is_due(run, checked, marks[sobject])]
    if not due:
        return []
    others = [sobject for sobject in checked.rules.mapped if sobject not in due]
    described, _ = find_mapped_fields(run.org, checked.rules.without(others))
    shown = {sobject: unstamped_fields(fields) for sobject, fields in described.items()}
    return [checked.formulas(sobject, paths) for sobject, paths in shown.items() if paths]


def is_due(run: Run, checked: ResolvedMapping, mark: Watermark) -> bool:
    """Return whether an object's formulas are to be read again; not under another mapping, which a full sync reads."""
    is_same = mark.mapping_fingerprint == checked.saved.fingerprint(mark.sobject)
    return is_same and checked.saved.formulas.is_due(mark.formulas_read_at, run.started_at)


def as_read(run: Run, checked: ResolvedMapping, mark: Watermark) -> Watermark:
    """Return the watermark when this run has stored an object's formulas, if they were due."""
    return replace(mark, formulas_read_at=run.started_at) if is_due(run, checked, mark) else mark


def changed_formulas(run: Run, checked: ResolvedMapping, changes: Changes) -> Iterator[pd.DataFrame]:
    """Give the records whose formulas have changed, mapped, in batches."""
    sobject, fields = changes.query.sobject, list(changes.query.types)
    mapping, types = checked.rules.of(sobject), checked.types[sobject]
    for frame in read_frames(run, changes):
        with run.database.transaction() as connection:
            records = changed_unstamped(connection, frame, fields, mapping.salesforce_fields)
        if len(records):
            yield map_records(records, sobject, mapping, types, run.database.hashes)
