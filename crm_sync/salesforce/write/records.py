"""Records to write to one sObject, and their two forms on the wire: JSON and CSV."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from crm_sync.columns.json_objects import raw_literals, sparse_json_objects, text_literals
from crm_sync.columns.texts import utf16_lengths
from crm_sync.errors import MappingError
from crm_sync.salesforce.limits import LONGEST_CSV_RECORD, LONGEST_CSV_VALUE
from crm_sync.salesforce.read.soql import checked_field, checked_sobject

# A field to clear; no value is like it, since a value has no NUL.
CLEAR = "\0"
# Bulk 2.0's own mark for it (Bulk 2.0 guide, "Valid CSV Record Rows"), which a CSV cannot hold as a value.
_CLEARS_IN_CSV = "#N/A"

_CLEARED = pa.array([CLEAR, ""], pa.large_string())
_NUMBER = r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?"
_LITERALS = {"boolean": "true|false"} | dict.fromkeys(("int", "long", "double", "currency", "percent"), _NUMBER)


@dataclass(frozen=True, eq=False)
class RecordWrites:
    """Records to update by Id, or to upsert by an external id.

    `records`: one row a record, the index unique, a column of text per field. A missing value leaves the field as
    it is; CLEAR, like an empty text, clears it. The column `Id`, or that of the external id, has a value in each row,
    no two alike. `types`: the described type of a field; those of booleans and numbers are sent as such.
    """

    sobject: str
    records: pd.DataFrame
    types: Mapping[str, str]
    external_id: str | None = None

    def __post_init__(self) -> None:
        """Raise MappingError for a name that cannot be written, ValueError for a frame that is not as promised."""
        checked_sobject(self.sobject)
        for name in self.records.columns:
            if "." in checked_field(name):
                raise MappingError(
                    f"{self.sobject}.{name} belongs to a parent record and cannot be written through it."
                )
        keys = self.records.get(self.key_field)
        if keys is None or (keys.isna() | (keys == "")).any():
            raise ValueError(f"every record needs a value in {self.key_field}")
        if self.external_id and "Id" in self.records:
            raise ValueError("an upsert by an external id takes no Id")
        if not self.records.index.is_unique:
            raise ValueError("the index of the records has to be unique")

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.records)

    @property
    def key_field(self) -> str:
        """The field by which Salesforce finds the record."""
        return self.external_id or "Id"

    @property
    def keys(self) -> pd.Series:
        """The values of the key field, text, with the records' index."""
        return self.records[self.key_field]

    @property
    def known_ids(self) -> pd.Series:
        """The Ids as far as they are known before writing, text, with the records' index."""
        if self.external_id is None:
            return self.keys
        return pd.Series(None, index=self.records.index, dtype="str")

    def part(self, start: int, stop: int) -> "RecordWrites":
        """Return the records from one position up to another."""
        return replace(self, records=self.records.iloc[start:stop])

    def where(self, chosen: pd.Series) -> "RecordWrites":
        """Return the records where a boolean series is true."""
        return replace(self, records=self.records[chosen])


def json_records(writes: RecordWrites) -> pd.Series:
    """Return one row of a collection per record, as JSON text.

    A value that is no JSON literal of its field's type is sent as text, for Salesforce to judge.
    """
    kind = pa.repeat(pa.scalar(f'{{"type":"{writes.sobject}"}}', pa.large_string()), len(writes))
    members = {"attributes": kind}
    for name, values in writes.records.items():
        # In a collection the Id is spelt "id" (REST guide, "Update Multiple Records").
        spelling = "id" if name == "Id" else str(name)
        members[spelling] = _literals(values, _LITERALS.get(writes.types.get(str(name), "")))
    return sparse_json_objects(members, index=writes.records.index)


def csv_file(writes: RecordWrites) -> bytes:
    """Return the records as the CSV of an ingest job: UTF-8, comma, LF, an empty cell for a value that is not sent."""
    columns = {
        str(name): pc.if_else(pc.is_in(texts := _text(values), value_set=_CLEARED), _CLEARS_IN_CSV, texts)
        for name, values in writes.records.items()
    }
    target = io.BytesIO()
    arrow_csv.write_csv(pa.table(columns), target)
    return target.getvalue()


def fits_csv(writes: RecordWrites) -> pd.Series:
    """Return which records a CSV can hold: those without a value that Bulk 2.0 reads as its mark to clear a field, and
    not longer than it takes them."""
    fits = pd.Series(True, index=writes.records.index)
    length = pd.Series(0, index=writes.records.index)
    for _, values in writes.records.items():
        own = utf16_lengths(values).fillna(0)
        fits &= values.str.strip().str.upper().ne(_CLEARS_IN_CSV).fillna(True) & own.le(LONGEST_CSV_VALUE)
        length += own
    return fits & length.le(LONGEST_CSV_RECORD)


def _literals(values: pd.Series, pattern: str | None) -> pa.Array:
    """Return each value as JSON, a cleared one as null, one that is not sent as missing."""
    texts = _text(values)
    literals = text_literals(values)
    if pattern is not None:
        is_literal = pc.match_substring_regex(texts, pattern=rf"\A({pattern})\z")
        literals = pc.if_else(pc.fill_null(is_literal, False), raw_literals(values), literals)
    is_cleared = pc.is_in(texts, value_set=_CLEARED)
    literals = pc.if_else(is_cleared, pa.scalar("null", pa.large_string()), literals)
    return pc.if_else(pc.is_valid(texts), literals, pa.scalar(None, pa.large_string()))


def _text(values: pd.Series) -> pa.Array:
    array = pa.array(values, type=pa.large_string(), from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
