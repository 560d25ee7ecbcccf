"""Reading, before a push writes, the current values of records that Salesforce has changed since the last pull."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from crm_sync.pull.watermarks_store import read_watermarks
from crm_sync.salesforce.read.changed_since import OVERLAP, ChangeQuery, Changes
from crm_sync.salesforce.read.json_rows import records_frame
from tasks.run.reading import read_changes, read_frames
from tasks.run.run import Run


def check_conflicts(run: Run, queries: Sequence[ChangeQuery]) -> dict[str, pd.DataFrame]:
    """Return, by query, what Salesforce has of those records that it has changed since the last pull: the fields, by
    Id."""
    with run.database.transaction() as connection:
        marks = read_watermarks(connection, run.org_key)
    since = {sobject: mark.stored_until - OVERLAP for sobject, mark in marks.items()}
    return read_current(run, [replace(query, since=since.get(query.sobject)) for query in queries])


def read_current(run: Run, queries: Sequence[ChangeQuery]) -> dict[str, pd.DataFrame]:
    """Return, by query, what Salesforce has of the wanted records, deleted ones too: the fields, by Id."""
    found = read_changes(run, queries) if queries else {}
    return {name: _by_id(run, changes) for name, changes in found.items()}


def _by_id(run: Run, changes: Changes) -> pd.DataFrame:
    nothing = records_frame([], changes.query.columns, changes.query.types)
    every = pd.concat([nothing, *read_frames(run, changes)])
    return every.drop_duplicates("Id", keep="last").set_index("Id", drop=False)
