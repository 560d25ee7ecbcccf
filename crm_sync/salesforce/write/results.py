"""The result of each written record: from the rows of a collection's answer, or from the results of an ingest job."""

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa

from crm_sync.columns.membership import among
from crm_sync.columns.texts import as_frame, as_texts
from crm_sync.errors import LimitReachedError, SalesforceUnavailableError
from crm_sync.outcomes import RefusalClass
from crm_sync.requests import RequestKind
from crm_sync.salesforce.errors.error_codes import limit_for
from crm_sync.salesforce.errors.error_rules import Complaint
from crm_sync.salesforce.errors.row_refusals import as_name_list, named_fields, read_job_reason, refusal_classes
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read.bulk_csv import parse_text
from crm_sync.salesforce.write.bulk_ingest import IngestJob
from crm_sync.salesforce.write.records import RecordWrites

RESULT_COLUMNS = ["record_id", "success", "created", "error_code", "error_message", "error_fields", "was_sent"]
# Bulk 2.0 puts code, message and fields in one text: "CODE:message:Field1,Field2 --".
_BULK_ERROR = r"(?s)\A(?P<code>\w+):(?P<message>.*?)(?::(?P<fields>[\w, .]*)--)?\s*\Z"

_FAILED, _SUCCESSFUL, _UNPROCESSED = "failedResults", "successfulResults", "unprocessedrecords"
_ERROR, _ID, _CREATED = "sf__Error", "sf__Id", "sf__Created"


def result_frame(
    writes: RecordWrites,
    *,
    success: pd.Series | bool,
    record_id: pd.Series | None = None,
    created: pd.Series | bool = False,
    error_code: pd.Series | str | None = None,
    error_message: pd.Series | str | None = None,
    error_fields: pd.Series | None = None,
    was_sent: pd.Series | bool = True,
) -> pd.DataFrame:
    """Return a row per record, with the index of the records.

    `record_id` (text, missing when not known), `success`, `created`, `was_sent` (boolean; not sent means never tried),
    `error_code`, `error_message` (text, Salesforce's own, missing on success), `error_fields` (text, such as
    `,title,phone,`: the fields that the refusal names).
    """
    columns = {
        "record_id": writes.known_ids if record_id is None else record_id,
        "success": success,
        "created": created,
        "error_code": error_code,
        "error_message": error_message,
        "error_fields": error_fields,
        "was_sent": was_sent,
    }
    frame = pd.DataFrame(columns, index=writes.records.index)
    texts, flags = ("record_id", "error_code", "error_fields"), ("success", "created", "was_sent")
    frame["error_message"] = as_texts(frame["error_message"])
    frame = frame.astype(dict.fromkeys(texts, "str") | dict.fromkeys(flags, "bool"))
    return frame.assign(error_fields=frame["error_fields"].fillna(named_fields(frame["error_message"])))


def read_rows(writes: RecordWrites, rows: Sequence[Any]) -> pd.DataFrame:
    """Return the results of a collection, whose rows are in the records' order, as `result_frame` does.

    Rule: REST guide, "sObject Collections": a row is `{id, success, errors}`, an upsert's has `created` too.
    Raises SalesforceUnavailableError for rows that are not those of these records.
    """
    with suppress(AttributeError, KeyError, TypeError, ValueError):
        frame = as_frame(rows, partial(pd.DataFrame.from_records, index=writes.records.index))
        # Of object dtype, as without any error it would be one of numbers.
        first = frame["errors"].str[0].astype("object")
        return result_frame(
            writes,
            success=frame["success"].astype("bool"),
            record_id=writes.known_ids.fillna(_text(frame, "id")),
            created=frame["created"].eq(True) if "created" in frame else False,
            error_code=first.str.get("statusCode"),
            error_message=first.str.get("message"),
            error_fields=as_name_list(frame["errors"].map(_fields_of).astype("str")),
        )
    raise SalesforceUnavailableError(
        f"Salesforce's answer has no readable results of the {writes.sobject} records; the request can be repeated."
    )


def note_limits(org: SalesforceOrg, results: Sequence[pd.DataFrame]) -> None:
    """Stop all requests for a while when a limit refused records: alone, or with their part of a composite."""
    for frame in results:
        refusals = refusal_classes(frame["error_code"], frame["error_message"])
        for _, row in frame[refusals.eq(RefusalClass.LIMIT)].head(1).fillna("").iterrows():
            limit = limit_for(Complaint(str(row["error_code"]), str(row["error_message"])))
            if isinstance(limit, LimitReachedError):
                org.note_limit(RequestKind.WRITE, limit)
                return


def _fields_of(errors: Any) -> str | None:
    """Return the fields that the errors of a record name."""
    names = [str(name) for error in errors or () for name in error.get("fields") or ()]
    return ",".join(names) or None


def all_refused(writes: RecordWrites, complaint: Complaint) -> pd.DataFrame:
    """Return the results of records that were refused together, as `result_frame` does."""
    return result_frame(
        writes, success=False, error_code=complaint.code or None, error_message=complaint.message or None
    )


def _split_bulk_errors(errors: pd.Series) -> pd.DataFrame:
    """Return `code` and `message` (text) of Bulk error texts; a text of another form is all message."""
    parts = errors.str.extract(_BULK_ERROR, flags=re.ASCII)
    return parts.assign(message=parts["message"].fillna(errors))


def _text(frame: pd.DataFrame, column: str) -> pd.Series:
    return pd.Series(frame.get(column), index=frame.index, dtype="str")


def read_ingest_results(org: SalesforceOrg, job: IngestJob, writes: RecordWrites) -> pd.DataFrame:
    """Return the result frame of an ended job's records, see `result_frame`; no request when all went well.

    Failed rows cost one request, and so do the unprocessed ones of a job that ended early. After an upsert, `record_id`
    is as a rule missing and `created` False. A record in no result was not sent: its error is the job's state and
    reason.
    Rule: Bulk 2.0 guide, "Get Job Failed / Successful / Unprocessed Record Results".
    """
    failed = _read(org, job, _FAILED, writes, [_ERROR], rows=job.records_failed)
    is_failed = among(writes.keys, failed[writes.key_field])
    is_untried = _untried(org, job, writes)
    done = ~is_failed & ~is_untried
    record_id, created = writes.known_ids, pd.Series(False, index=writes.records.index)
    succeeded = job.records_processed - job.records_failed
    if done.sum() != succeeded:
        written = _read(org, job, _SUCCESSFUL, writes, [_ID, _CREATED], rows=succeeded)
        known = written.drop_duplicates(writes.key_field).set_index(writes.key_field)
        # A key in both results was there twice, and one of the two was refused.
        done &= among(writes.keys, written[writes.key_field])
        record_id = record_id.fillna(writes.keys.map(known[_ID]).where(done))
        created = writes.keys.map(known[_CREATED]).eq("true") & done
    errors = _split_bulk_errors(_error_of(writes, failed))
    left = read_job_reason(job.state, job.reason)
    was_sent = done | is_failed
    return result_frame(
        writes,
        success=done,
        record_id=record_id,
        created=created,
        error_code=errors["code"].where(was_sent, left.code),
        error_message=errors["message"].where(was_sent, left.message or None),
        error_fields=as_name_list(errors["fields"]),
        was_sent=was_sent,
    )


def _untried(org: SalesforceOrg, job: IngestJob, writes: RecordWrites) -> pd.Series:
    """Return which records a job that ended early left unprocessed; no request when it left all."""
    if job.state == "JobComplete" or job.records_processed >= len(writes):
        return pd.Series(False, index=writes.records.index)
    if job.records_processed == 0:
        return pd.Series(True, index=writes.records.index)
    return among(writes.keys, _read(org, job, _UNPROCESSED, writes, [])[writes.key_field])


def _error_of(writes: RecordWrites, failed: pd.DataFrame) -> pd.Series:
    by_key = failed.drop_duplicates(writes.key_field).set_index(writes.key_field)[_ERROR]
    return pd.Series(writes.keys.map(by_key), index=writes.records.index, dtype="str")


def _read(
    org: SalesforceOrg,
    job: IngestJob,
    kind: str,
    writes: RecordWrites,
    columns: list[str],
    *,
    rows: int | None = None,
) -> pd.DataFrame:
    """Return the given columns and the key field of a result, as text; no request for a result without rows."""
    wanted = [*columns, writes.key_field]
    if rows == 0:
        return pd.DataFrame(_no_rows(wanted).to_pandas())
    response = org.request(
        "GET", f"jobs/ingest/{job.id}/{kind}", RequestKind.BULK_RESULTS, headers={"Accept": "text/csv"}
    )
    content = response.content.replace(b"\0", b"")
    table = parse_text(content, wanted, has_header=True) if content.strip() else _no_rows(wanted)
    if table is not None and rows in {None, len(table)}:
        return pd.DataFrame(table.to_pandas())
    raise SalesforceUnavailableError(f"A result of Bulk job {job.id} is damaged or incomplete; it can be read again.")


def _no_rows(columns: list[str]) -> pa.Table:
    return pa.table({name: pa.array([], pa.string()) for name in columns})
