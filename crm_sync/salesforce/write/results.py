"""What became of each record that was written."""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pandas as pd

from crm_sync.errors import SalesforceUnavailableError
from crm_sync.salesforce.errors.error_rules import Complaint
from crm_sync.salesforce.write.records import RecordWrites

# Bulk 2.0 puts code, message and fields in one text: "CODE:message:Field1,Field2 --".
_BULK_ERROR = r"(?s)\A(?P<code>\w+):(?P<message>.*?)(?::[\w, .]*--)?\s*\Z"


def result_frame(
    writes: RecordWrites,
    *,
    success: pd.Series | bool,
    record_id: pd.Series | None = None,
    created: pd.Series | bool = False,
    error_code: pd.Series | str | None = None,
    error_message: pd.Series | str | None = None,
    was_sent: pd.Series | bool = True,
) -> pd.DataFrame:
    """Return a row per record, with the index of the records.

    `record_id` (text, missing when not known), `success`, `created`, `was_sent` (boolean; not sent means never tried),
    `error_code`, `error_message` (text, Salesforce's own, missing on success).
    """
    columns = {
        "record_id": writes.known_ids if record_id is None else record_id,
        "success": success,
        "created": created,
        "error_code": error_code,
        "error_message": error_message,
        "was_sent": was_sent,
    }
    frame = pd.DataFrame(columns, index=writes.records.index)
    texts, flags = ("record_id", "error_code", "error_message"), ("success", "created", "was_sent")
    return frame.astype(dict.fromkeys(texts, "str") | dict.fromkeys(flags, "bool"))


def read_rows(writes: RecordWrites, rows: Sequence[Any]) -> pd.DataFrame:
    """Return the results of a collection, whose rows are in the records' order, as `result_frame` does.

    Rule: REST guide, "sObject Collections": a row is `{id, success, errors}`, an upsert's has `created` too.
    Raises SalesforceUnavailableError for rows that are not those of these records.
    """
    with suppress(AttributeError, KeyError, TypeError, ValueError):
        frame = pd.DataFrame.from_records(rows, index=writes.records.index)
        # Of object dtype, as without any error it would be one of numbers.
        first = frame["errors"].str[0].astype("object")
        return result_frame(
            writes,
            success=frame["success"].astype("bool"),
            record_id=writes.known_ids.fillna(_text(frame, "id")),
            created=frame["created"].eq(True) if "created" in frame else False,
            error_code=first.str.get("statusCode"),
            error_message=first.str.get("message"),
        )
    raise SalesforceUnavailableError(
        f"Salesforce's answer does not tell what became of the {writes.sobject} records; the request can be repeated."
    )


def all_refused(writes: RecordWrites, complaint: Complaint) -> pd.DataFrame:
    """Return the results of records that were refused together, as `result_frame` does."""
    return result_frame(
        writes, success=False, error_code=complaint.code or None, error_message=complaint.message or None
    )


def split_bulk_errors(errors: pd.Series) -> pd.DataFrame:
    """Return `code` and `message` (text) of Bulk error texts; a text of another form is all message."""
    parts = errors.str.extract(_BULK_ERROR, flags=re.ASCII)
    return parts.assign(message=parts["message"].fillna(errors))


def _text(frame: pd.DataFrame, column: str) -> pd.Series:
    return pd.Series(frame.get(column), index=frame.index, dtype="str")
