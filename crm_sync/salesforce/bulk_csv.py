"""Reads a results page from disk, a block at a time, every value as the text that Salesforce sent."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from crm_sync.errors import FatalError, SalesforceUnavailableError

_WIDEST_RECORD = 1 << 28


def read_batches(
    path: Path,
    *,
    columns: Sequence[str] | None = None,
    skip_rows: int = 0,
    expected_rows: int | None = None,
    block_bytes: int = 8 << 20,
) -> Iterator[pd.DataFrame]:
    """Yield the page's rows in order as frames of Arrow-backed text; memory holds one block at a time.

    An empty value is missing, and no word is: a person may be called "None". Columns are named as in
    `columns`, whatever their case in the file; `skip_rows` leaves out rows done before. Raises
    SalesforceUnavailableError for a file that is damaged, has other columns, or not `expected_rows` rows.
    Rule: Bulk guide, "Valid CSV rows": quoted values may hold line ends.
    """
    names = _read_names(path, columns)
    done = skip_rows
    while names:
        try:
            for frame in _read_blocks(path, names, done, block_bytes):
                done += len(frame)
                yield frame
            break
        except pa.ArrowInvalid as error:
            is_wider_than_block = "straddl" in str(error)
        # The parser's message holds the row; it is not passed on.
        if not is_wider_than_block:
            raise SalesforceUnavailableError(_DAMAGED)
        if block_bytes >= _WIDEST_RECORD:
            raise FatalError("A record of a results page is wider than 256 MiB; map fewer long text fields.")
        block_bytes *= 4
    if expected_rows is not None and done != expected_rows:
        raise SalesforceUnavailableError(
            f"A results page holds {done} rows instead of {expected_rows}; it can be read again."
        )


_DAMAGED = "A results page is damaged or not what was asked for; it can be read again."


def _read_names(path: Path, columns: Sequence[str] | None) -> list[str]:
    """Return the columns' names, as asked for where that is known, or nothing when there is no row."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            header = next(csv.reader(file), [])
            has_rows = bool(file.readline(1))
        except (csv.Error, UnicodeDecodeError):
            header, has_rows = [""], True
    asked = {name.lower(): name for name in columns or header}
    if header and sorted(asked) != sorted(name.lower() for name in header):
        raise SalesforceUnavailableError(_DAMAGED)
    return [asked[name.lower()] for name in header] if has_rows else []


def _read_blocks(path: Path, names: list[str], skip_rows: int, block_bytes: int) -> Iterator[pd.DataFrame]:
    reader = arrow_csv.open_csv(
        path,
        read_options=arrow_csv.ReadOptions(
            column_names=names,
            # One for the header, whose names are given instead.
            skip_rows_after_names=skip_rows + 1,
            block_size=block_bytes,
        ),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    with reader:
        for batch in reader:
            if batch.num_rows:
                yield batch.to_pandas()
