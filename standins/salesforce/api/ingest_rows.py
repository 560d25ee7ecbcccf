"""The CSV of an ingest job: its rows written, and the CSV of their outcomes."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from standins.salesforce.org.bulk_jobs import Ending, IngestJob
from standins.salesforce.org.org import Org
from standins.salesforce.org.outcome import Outcome
from standins.salesforce.org.writes import Write, write_all

_CHUNK = 200
_CLEARS = "#N/A"
_BLOCK = 1000
# Of the guide; its words for them are in no recording, so these are ours.
_LONGEST_VALUE = 32_000
_LONGEST_RECORD = 400_000


class _Unreadable(Exception):
    """CSV that fails the job as a whole."""


def write_rows(org: Org, job: IngestJob) -> None:
    """Write the rows of a closed job, 200 together as Salesforce does; CSV that cannot be read fails the job."""
    try:
        job.unprocessed = rows = _rows(job)
        columns = [_column(job, name) for name in job.header]
    except _Unreadable as error:
        job.ending = Ending("Failed", str(error))
        return
    limit = job.ending.after_rows if job.ending else len(rows)
    for start in range(0, limit, _CHUNK):
        chunk = rows[start : min(start + _CHUNK, limit)]
        writes = [_write(job, columns, row) for row in chunk]
        job.written += zip(chunk, write_all(org, writes), strict=True)
    job.unprocessed = rows[limit:]


def leave_rows(job: IngestJob) -> None:
    """Keep the rows of a job that is aborted while open as unprocessed."""
    with suppress(_Unreadable):
        job.unprocessed = _rows(job)


def successful_csv(job: IngestJob) -> Iterator[bytes]:
    """Return the written rows with their Ids."""
    rows = ([outcome.id or "", str(outcome.created).lower(), *row] for row, outcome in job.written if not outcome.error)
    return _csv(job, ["sf__Id", "sf__Created"], rows)


def failed_csv(job: IngestJob) -> Iterator[bytes]:
    """Return the refused rows with their errors, and the Ids of those that gave one."""
    place = job.header.index("Id") if "Id" in job.header else None
    rows = (
        ["" if place is None else row[place], _error(outcome), *row] for row, outcome in job.written if outcome.error
    )
    return _csv(job, ["sf__Id", "sf__Error"], rows)


def unprocessed_csv(job: IngestJob) -> Iterator[bytes]:
    """Return the unprocessed rows."""
    return _csv(job, [], job.unprocessed)


def _rows(job: IngestJob) -> list[list[str]]:
    try:
        text = (job.content or b"").decode()
    except UnicodeDecodeError as error:
        raise _Unreadable("InvalidBatch : The data is not valid UTF-8") from error
    _check_line_ending(text)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise _Unreadable(f"InvalidBatch : Failed to parse CSV: {error}") from error
    if not rows:
        raise _Unreadable("InvalidBatch : The 'content' is empty")
    job.header = rows[0]
    wrong = next((number for number, row in enumerate(rows) if len(row) != len(job.header)), None)
    if wrong is not None:
        raise _Unreadable(f"InvalidBatch : Row {wrong} has {len(rows[wrong])} columns, the header {len(job.header)}")
    for number, row in enumerate(rows):
        lengths = [len(cell.encode("utf-16-le")) // 2 for cell in row]
        if max(lengths) > _LONGEST_VALUE or sum(lengths) > _LONGEST_RECORD:
            raise _Unreadable(f"InvalidBatch : Row {number} has a field or is a record of too many characters")
    return rows[1:]


def _check_line_ending(text: str) -> None:
    first, ending, _ = text.partition("\n")
    if ending and first.endswith("\r"):
        raise _Unreadable("ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF")


def _column(job: IngestJob, name: str) -> str:
    found = job.sobject.field(name)
    if found is None:
        raise _Unreadable(f"InvalidBatch : Field name not found : {name}")
    return found.name


def _write(job: IngestJob, columns: Sequence[str], row: Sequence[str]) -> Write:
    """An empty cell leaves its field unchanged; `#N/A` clears it."""
    values: dict[str, Any] = {
        name: None if cell == _CLEARS else cell for name, cell in zip(columns, row, strict=True) if cell != ""
    }
    key = values.pop(job.key_field, None)
    return Write(job.operation, job.sobject, values, key, job.key_field)


def _error(outcome: Outcome) -> str:
    error = outcome.error
    if error is None:
        return ""
    fields = ", ".join(error.fields)
    return f"{error.code}:{error.message}:{fields + ' ' if fields else ''}--"


def _csv(job: IngestJob, first: list[str], rows: Iterable[list[str]]) -> Iterator[bytes]:
    """The order of the rows is not that of the upload, and the same for each download."""
    shuffled = list(rows)
    Random(job.id).shuffle(shuffled)  # noqa: S311 - not for secrets
    lines = [[*first, *job.header], *shuffled]
    for start in range(0, len(lines), _BLOCK):
        target = io.StringIO(newline="")
        writer = csv.writer(target, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerows(lines[start : start + _BLOCK])
        yield target.getvalue().encode()
