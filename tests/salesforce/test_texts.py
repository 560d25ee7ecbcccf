"""Texts as Salesforce takes them: lengths, halves of characters, and values that look like a mark."""

import json

import pandas as pd
import pytest

from crm_sync.columns.texts import as_texts, cut, utf16_lengths
from crm_sync.salesforce.errors.row_refusals import named_automation, named_fields
from crm_sync.salesforce.read.json_rows import records_frame
from crm_sync.salesforce.write.records import CLEAR, RecordWrites, csv_file, fits_csv, json_records

FLAG = "\U0001f1f3\U0001f1f1"


def test_half_of_a_character_becomes_a_replacement_character() -> None:
    values = pd.Series(["a\ud800b", "\udc00", None, "\ud83d\ude00", "plain", 7], dtype="object")

    assert as_texts(values).fillna("none").tolist() == ["a\ufffdb", "\ufffd", "none", "\U0001f600", "plain", "7"]
    assert records_frame([{"Title": "x\ud83d"}], ["Title"], {}).loc[0, "Title"] == "x\ufffd"


@pytest.mark.parametrize(
    ("text", "longest", "kept"),
    [
        (FLAG * 100, 255, FLAG * 63 + "\U0001f1f3"),
        ("a" + FLAG, 2, "a"),
        ("a" + FLAG, 3, "a\U0001f1f3"),
        ("é" * 256, 255, "é" * 255),
        ("日本語", 3, "日本語"),
        ("", 3, ""),
    ],
)
def test_text_is_cut_in_units_of_utf16_and_never_inside_a_character(text: str, longest: int, kept: str) -> None:
    found = cut(pd.Series([text, None], dtype="str"), longest)

    assert (found[0], found.isna()[1]) == (kept, True)
    assert utf16_lengths(found)[0] == len(kept.encode("utf-16-le")) // 2 <= longest


def test_value_that_reads_like_a_mark_is_text() -> None:
    texts = ["#N/A", "#n/a ", "null", "None", "NULL", "@{x}", CLEAR, "", None]
    frame = pd.DataFrame({"Id": [str(n) for n in range(9)], "Title": pd.Series(texts, dtype="str")})
    writes = RecordWrites("Contact", frame, {})

    sent = [json.loads(row).get("Title", "not sent") for row in json_records(writes)]
    assert sent == [*texts[:6], None, None, "not sent"]
    assert fits_csv(writes).tolist() == [False, False, *[True] * 7]
    assert csv_file(writes.where(fits_csv(writes))).decode().count("#N/A") == 2, "the two that are cleared"


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("SyncLead: execution of BeforeUpdate caused by: System.NullPointerException", "Apex trigger SyncLead"),
        ("x: line 1 Trigger.acme.SyncLead: line 5, column 1", "Apex trigger SyncLead"),
        ("We can't save this record because the \u201cLead Routing\u201d process failed.", "flow Lead Routing"),
        (
            "The record couldn\u2019t be saved because it failed to trigger a flow. A flow trigger failed to execute "
            "the flow with version ID 3013000000000Ab.",
            "flow version 3013000000000Ab",
        ),
        ("hed.TDTM_Contact: execution of AfterInsert", "Apex trigger hed.TDTM_Contact"),
        ("Apex trigger acme.TDTM_Contact caused an unexpected exception", "Apex trigger acme.TDTM_Contact"),
        (
            "We can't save this record because the \u201cMeasure Savings Field Updates\u201d process failed. Give your "
            "Salesforce admin these details.",
            "flow Measure Savings Field Updates",
        ),
        ("Value does not exist or does not match filter criteria.", ""),
        ("because the \u201cjan@x.nl\u201d process failed", ""),
    ],
)
def test_automation_is_named_where_the_message_names_it(message: str, named: str) -> None:
    assert named_automation(message) == named


def test_fields_that_a_message_names_are_known() -> None:
    messages = {
        "Unable to create/update fields: Top_100_customer__c, IsDeleted, Lead_Segment__c. Please check the security "
        "settings of this field": ",top_100_customer__c,isdeleted,lead_segment__c,",
        "Lead: No such column 'SF_date__c' on entity 'Lead'. If you are attempting": ",sf_date__c,",
        "Field name not found : Score__c": ",score__c,",
        "Required fields are missing: [LastName, Company]": ",lastname,company,",
        "We can't save this record": None,
    }
    found = named_fields(pd.Series(list(messages), dtype="str"))
    assert [None if pd.isna(one) else one for one in found] == list(messages.values())
