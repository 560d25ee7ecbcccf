"""What a pull brought, record by record and by the names of fields: for a person to look at, without anyone's data."""

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from crm_sync.database.tables.customers import salesforce_record
from crm_sync.sobject import SObject

# More of them nobody reads, and each costs a look at the mirror.
SHOWN_CHANGES = 200
# Far below the number of values that a statement may hold.
_IDS_AT_ONCE = 1_000

_KEPT = ("is_deleted", "is_converted", "master_record_id", "field_values")


@dataclass(frozen=True)
class RecordChange:
    """A record that differs from what the mirror held: what happened to it, and to which of its mapped fields."""

    sobject: SObject
    salesforce_id: str
    what: str
    fields: tuple[str, ...] = ()


def changes_to_come(connection: Connection, batch: pd.DataFrame, sobject: SObject, number: int) -> list[RecordChange]:
    """Return the first changes that landing this batch will bring to the mirror, at most so many; ask before it lands.

    `batch`: the columns of `map_records`.
    """
    columns = (salesforce_record.c.id, salesforce_record.c.system_modstamp, *(salesforce_record.c[n] for n in _KEPT))
    newest = batch.drop_duplicates("id", keep="last")
    changes: list[RecordChange] = []
    for start in range(0, len(newest) if number > 0 else 0, _IDS_AT_ONCE):
        some = newest.iloc[start : start + _IDS_AT_ONCE]
        rows = connection.execute(select(*columns).where(salesforce_record.c.id.in_(some["id"].tolist())))
        known = {row.id: row for row in rows}
        stamps = some["id"].map({id_: row.system_modstamp for id_, row in known.items()})
        # What a pull reads again is the most of a batch at times, and not looked at one by one.
        for record in some[some["system_modstamp"] != pd.to_datetime(stamps, utc=True)].itertuples():
            what, fields = _difference(known.get(record.id), record)
            if what:
                changes.append(RecordChange(sobject, str(record.id), what, fields))
                if len(changes) == number:
                    return changes
    return changes


def _difference(before: Any, after: Any) -> tuple[str, tuple[str, ...]]:
    """Return what happened, nothing when nothing did, and the names of the fields that differ; both have _KEPT."""
    if after.is_deleted:
        if before is None or before.is_deleted:
            return "", ()
        merged = isinstance(after.master_record_id, str) and after.master_record_id
        return f"merged into {merged}" if merged else "deleted", ()
    if before is None:
        return "new", ()
    fields = tuple(name for name, new in json.loads(after.field_values).items() if new != before.field_values.get(name))
    if before.is_deleted:
        return "restored", fields
    if after.is_converted and not before.is_converted:
        return "converted", fields
    return "changed" if fields else "", fields
