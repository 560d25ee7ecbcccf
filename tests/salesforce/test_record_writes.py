"""Records in their forms on the wire, and the class of each refusal."""

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sync.errors import MappingError
from crm_sync.outcomes import RefusalClass
from crm_sync.salesforce.errors.row_refusals import refusal_classes
from crm_sync.salesforce.write.records import CLEAR, RecordWrites, json_records
from tests.salesforce.write_steps import KEY, updates

# Salesforce takes UTF-8, in which a lone surrogate cannot be.
VALUES = (
    st.none()
    | st.sampled_from([CLEAR, "", "true", "1.50", "-3e7", "01", "NaN", "null", '"', "\\"])
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]))
)


def test_each_type_is_sent_as_its_json() -> None:
    frame = pd.DataFrame(
        {
            "Id": list("abcd"),
            "Flag": ["true", CLEAR, "TRUE", None],
            "Amount": ["-1.50", "1e3", "01", ""],
            "Text": ["12", "true", 'née "X"\n\\', None],
        },
        dtype="str",
    )
    writes = RecordWrites("Lead", frame, {"Flag": "boolean", "Amount": "currency", "Text": "string"})
    texts = json_records(writes)
    assert '"Amount":-1.50' in texts.loc[0]
    kind = {"attributes": {"type": "Lead"}}
    assert [json.loads(text) for text in texts] == [
        {**kind, "id": "a", "Flag": True, "Amount": -1.5, "Text": "12"},
        {**kind, "id": "b", "Flag": None, "Amount": 1000.0, "Text": "true"},
        {**kind, "id": "c", "Flag": "TRUE", "Amount": "01", "Text": 'née "X"\n\\'},
        {**kind, "id": "d", "Amount": None},
    ]


def test_a_part_of_the_records_is_sent_as_in_the_whole() -> None:
    writes = updates("Lead", [{"Id": str(n), "Title": "Boss" if n < 7 else 'née "X"\n'} for n in range(9)])
    whole = json_records(writes).tolist()
    assert [text for start in range(0, 9, 2) for text in json_records(writes.part(start, start + 2))] == whole


@given(st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1))
def test_each_record_has_exactly_the_fields_that_are_sent(
    rows: list[tuple[str | None, str | None, str | None]],
) -> None:
    frame = pd.DataFrame(rows, columns=["Text", "Number", "Flag"], dtype="str")
    frame.insert(0, "Id", [str(n) for n in range(len(rows))])
    texts = json_records(RecordWrites("Lead", frame, {"Number": "double", "Flag": "boolean"}))
    for text, row in zip(texts, frame.itertuples(index=False), strict=True):
        sent_values = json.loads(text, parse_float=str, parse_int=str)
        del sent_values["attributes"], sent_values["id"]
        literals = {True: "true", False: "false", None: CLEAR}
        found = {name: literals.get(value, value) for name, value in sent_values.items()}
        given_values = dict(zip(frame.columns[1:], row[1:], strict=True))
        assert found == {name: value or CLEAR for name, value in given_values.items() if not pd.isna(value)}


def test_a_frame_that_cannot_be_written_is_refused() -> None:
    refused: list[tuple[dict[str, list[Any]], str | None, type[Exception]]] = [
        ({"Title": ["x"]}, None, ValueError),
        ({"Id": [None], "Title": ["x"]}, None, ValueError),
        ({"Id": [""], "Title": ["x"]}, None, ValueError),
        ({"Id": ["x"], KEY: ["x"]}, KEY, ValueError),
        ({"Id": ["x"], "Account.Name": ["x"]}, None, MappingError),
        ({"Id": ["x"], 'a"b': ["x"]}, None, MappingError),
    ]
    for columns, external_id, error in refused:
        with pytest.raises(error):
            RecordWrites("Contact", pd.DataFrame(columns, dtype="str"), {}, external_id=external_id)
    with pytest.raises(ValueError, match="index"):
        updates("Contact", [{"Id": "a"}, {"Id": "b"}], index=[1, 1])


REFUSALS = {
    RefusalClass.TRANSIENT: (
        ("UNABLE_TO_LOCK_ROW", ""),
        ("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."),
        ("TooManyLockFailure", "Batch failed after ten tries"),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Sync: UNABLE_TO_LOCK_ROW, unable to obtain access"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "This error occurred: UNABLE_TO_LOCK_ROW: unable to"),
        ("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", ""),
        ("REQUEST_RUNNING_TOO_LONG", ""),
        ("API_CURRENTLY_DISABLED", ""),
        ("HTTP 502", ""),
        ("InternalServerError", "Batch time out"),
    ),
    RefusalClass.TOO_MANY: (
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Sync: System.LimitException: Too many SOQL queries"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "Flow error messages: Apex CPU time limit exceeded"),
        ("UNKNOWN_EXCEPTION", "Apex heap size too large: 6123456"),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "accountTrigger: System.LimitException: Too many future calls: 51"),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "System.TypeException: Cannot have more than 10 chunks in a"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "This error occurred: Too many SOQL queries: 101"),
    ),
    RefusalClass.LIMIT: (
        ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        ("Failed", "Max bulk v2 ingest jobs (15000) per 24 hrs has been reached"),
        ("LIMIT_EXCEEDED", ""),
    ),
    RefusalClass.DATA: (
        ("LIMIT_EXCEEDED", "An array is too long"),
        ("FIELD_INTEGRITY_EXCEPTION", "There's a problem with this country"),
        ("HTTP 400", ""),
    ),
    RefusalClass.TARGET_DELETED: (
        ("ENTITY_IS_DELETED", "entity is deleted"),
        ("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
        ("NOT_FOUND", ""),
    ),
    RefusalClass.CONVERTED: (("CANNOT_UPDATE_CONVERTED_LEAD", ""),),
    RefusalClass.PERMISSION: (
        ("NOT_FOUND", "Provided external ID field does not exist or is not accessible: X__c"),
        ("InvalidBatch", "Field name not found : X__c"),
        ("INSUFFICIENT_ACCESS_OR_READONLY", ""),
    ),
    RefusalClass.AUTOMATION: (
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Sync: execution of BeforeUpdate"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "a flow failed"),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "concurrent use is not allowed"),
        ("FIELD_FILTER_VALIDATION_EXCEPTION", "Value does not exist or does not match filter criteria."),
        ("REQUIRED_FIELD_MISSING", "Required fields are missing: [Cost_Centre__c]"),
        ("DUPLICATES_DETECTED", "Use one of these records?"),
    ),
    RefusalClass.UNKNOWN: (("NEVER_SEEN_BEFORE", "HTTP 503"), ("SOME_CODE_OF_NEXT_YEAR", "")),
}


def test_a_refusal_has_the_class_of_the_next_step() -> None:
    index = [5, 2, 9]
    for row_class, refusals in REFUSALS.items():
        for code, message in refusals:
            codes = pd.Series([None, code, code], index=index, dtype="str")
            found = refusal_classes(codes, pd.Series([None, message, None], index=index, dtype="str"))
            assert found.index.tolist() == index
            assert (pd.isna(found.loc[5]), found.loc[2]) == (True, row_class), (code, message)
