"""Reads a results page from disk, a block at a time, every value as the text that Salesforce sent."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from crm_sync.errors import SalesforceUnavailableError
from crm_sync.salesforce.read.csv_rows import read_whole_rows

_DAMAGED = "A results page is damaged or has other columns; it can be read again."


def read_batches(
    path: Path,
    *,
    columns: Sequence[str] | None = None,
    skip_rows: int = 0,
    expected_rows: int | None = None,
    block_bytes: int = 9 << 20,
    most_rows: int = 1 << 30,
) -> Iterator[pd.DataFrame]:
    """Yield the page's rows in order as frames of Arrow-backed text, of `most_rows` at most; memory holds one block.

    Only an empty value is missing: a person may be called "None". Columns are named as in
    `columns`, whatever their case in the file; `skip_rows` leaves out rows that are stored already. Raises
    SalesforceUnavailableError for a file that is damaged, has other columns, or not `expected_rows` rows.
    """
    row = 0
    # Arrow's own streaming reader holds some thirty blocks ahead, so it gets one block at a time.
    with path.open("rb") as file:
        names = _read_names(file.readline(), columns)
        for block in read_whole_rows(file, block_bytes):
            table = None if block.count(b'"') % 2 else parse_text(block, names)
            if table is None:
                raise SalesforceUnavailableError(_DAMAGED)
            unread = table.slice(max(0, skip_rows - row))
            row += len(table)
            # Kept here, they would be in memory beside the frame until it is stored.
            del block, table
            while len(unread):
                some, unread = unread.slice(0, most_rows), unread.slice(most_rows)
                yield some.to_pandas()
    if expected_rows is not None and row != expected_rows:
        raise SalesforceUnavailableError(
            f"A results page holds {row} rows instead of {expected_rows}; it can be read again."
        )


def _read_names(header: bytes, columns: Sequence[str] | None) -> list[str]:
    """Return the columns' names in the file's order, spelt as asked for where that is known."""
    found: list[str] | None = None
    # The error of a damaged header holds its bytes, and is therefore not chained.
    with suppress(csv.Error, UnicodeDecodeError):
        found = next(csv.reader([header.decode("utf-8-sig")]), [])
    if found is None:
        raise SalesforceUnavailableError(_DAMAGED)
    asked = {name.lower(): name for name in columns or found}
    if found and sorted(asked) != sorted(name.lower() for name in found):
        raise SalesforceUnavailableError(_DAMAGED)
    return [asked[name.lower()] for name in found]


def parse_text(content: bytes, names: list[str], *, has_header: bool = False) -> pa.Table | None:
    """Return the named columns as text, an empty value missing; None for a damaged CSV: the parser's own error holds a
    row and goes no further."""
    with suppress(pa.ArrowInvalid, pa.ArrowKeyError):
        return arrow_csv.read_csv(
            pa.BufferReader(content),
            read_options=arrow_csv.ReadOptions(
                column_names=None if has_header else names, block_size=len(content) + has_header
            ),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=names,
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    return None
