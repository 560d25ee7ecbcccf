"""Salesforce values as customer fields, and the values that are refused."""

import json
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from crm_sync.mapping.model import CustomerFieldKind, FieldLink, ObjectMapping
from crm_sync.mapping.transform import RECORD_COLUMNS, convert, map_records, most_at_once, unique_keys
from crm_sync.mapping.words import NUMBER_TYPES
from crm_sync.sobject import SObject

ARABIC_ONE = "\u0661"
EMAIL = FieldLink(salesforce_field="Email", name="email_address", unique=True)


def _series(*values: str | None) -> pd.Series:
    return pd.Series(values, dtype="str")


def _standard(value: str | None, name: str, described: str, *, opposite: bool = False) -> Any:
    link = FieldLink(salesforce_field="X__c", name=name, opposite=opposite)
    column = convert(_series(value), link, described)
    refused = column.bad is not None and bool(column.bad.iloc[0])
    content = column.content.iloc[0]
    return "refused" if refused else None if pd.isna(content) else content


def _option(value: str | None, described: str) -> Any:
    """Return the option as whoever reads the JSON gets it, or `refused`."""
    link = FieldLink(salesforce_field="X__c", kind=CustomerFieldKind.OPTION, name="x")
    mapped = _map({"X__c": value}, [link], {"X__c": described})
    return "refused" if pd.notna(mapped["reject_reason"]) else json.loads(mapped["options"], parse_float=str)["x"]


def _map(fields: dict[str, str | None], links: list[FieldLink], types: dict[str, str] | None = None) -> Any:
    record = {
        "Id": "00Q000000000000001",
        "SystemModstamp": "2026-01-02T03:04:05.000Z",
        "IsDeleted": "false",
        "Email": "ada@x.org",
        **fields,
    }
    described = dict.fromkeys(record, "string") | (types or {})
    mapping = ObjectMapping(links=[EMAIL, *links])
    return map_records(pd.DataFrame([record], dtype="str"), SObject.LEAD, mapping, described).iloc[0]


WORDS = [
    ("true", True),
    ("TRUE", True),
    ("Y", True),
    ("y", True),
    (" y ", True),
    ("false", False),
    ("N", False),
    ("Yes", False),
    ("1", False),
    ("opted in", False),
    ("", False),
    (None, False),
]


def test_only_y_and_true_mean_yes() -> None:
    for value, opted_in in WORDS:
        for described in ("boolean", "picklist", "string"):
            assert _standard(value, "opt_in", described) == opted_in, (value, described)


OPPOSITES = [
    ("false", True),
    ("N", True),
    ("true", False),
    ("Y", False),
    ("0", False),
    ("", False),
    (None, False),
]


def test_opposite_means_yes_only_where_salesforce_says_no() -> None:
    for value, opted_in in OPPOSITES:
        assert _standard(value, "opt_in", "boolean", opposite=True) == opted_in, value


DAYS = [
    ("1990-02-28", "1990-02-28"),
    ("2000-02-29", "2000-02-29"),
    ("1700-01-01", "1700-01-01"),
    ("4000-12-31", "4000-12-31"),
    ("2026-01-01T23:59:59.000Z", "2026-01-01"),
    ("2026-01-01T00:00:00.000+0000", "2026-01-01"),
    (None, None),
    ("1900-02-29", "refused"),
    ("2026-13-01", "refused"),
    ("28-02-1990", "refused"),
    ("1990-02-28 ", "refused"),
    ("1990-02-28T25", "refused"),
    (f"{ARABIC_ONE}990-01-02", "refused"),
    ("soon", "refused"),
]


def test_dates_never_shift() -> None:
    for value, day in DAYS:
        assert _standard(value, "birthday", "date") == day, value
        assert _option(value, "date") == day, value


@given(st.dates().filter(lambda day: day.year >= 1000))
def test_every_day_stays_that_day(day: Any) -> None:
    assert _standard(day.isoformat(), "birthday", "date") == day.isoformat()


MOMENTS = [
    ("2026-01-01T23:59:59.123Z", "2026-01-01T23:59:59Z"),
    ("2026-01-01T23:59:59.000+0000", "2026-01-01T23:59:59Z"),
    ("2026-01-01T23:59:59+00:00", "2026-01-01T23:59:59Z"),
    (None, None),
    ("2026-01-01T23:59:59+0100", "refused"),
    ("2026-01-01", "refused"),
]


def test_moments_are_utc() -> None:
    for value, moment in MOMENTS:
        assert _option(value, "datetime") == moment, value


NUMBERS = [
    ("7", 7),
    ("-0.10", "-0.10"),
    ("12345678901234567890.123456789", "12345678901234567890.123456789"),
    ("1.0E7", "1.0E7"),
    (None, None),
    ("1,5", "refused"),
    ("007", "refused"),
    (".5", "refused"),
    ("NaN", "refused"),
    ("Infinity", "refused"),
    (ARABIC_ONE, "refused"),
    ("1\n", "refused"),
]


def test_numbers_keep_every_digit() -> None:
    for value, number in NUMBERS:
        for described in NUMBER_TYPES:
            assert _option(value, described) == number, (value, described)


@given(st.text(alphabet="0123456789.-+eE \n" + ARABIC_ONE, max_size=12))
def test_every_number_that_is_let_through_is_json(text: str) -> None:
    answer = _option(text, "double")
    assert answer == "refused" or str(answer).lower() == str(json.loads(text, parse_float=str)).lower()


BOOLEANS = [
    ("true", True),
    ("False", False),
    (None, None),
    ("truex", "refused"),
    ("xfalse", "refused"),
    ("Y", "refused"),
]


def test_yes_no_option_is_a_json_boolean() -> None:
    for value, content in BOOLEANS:
        assert _option(value, "boolean") == content, value


def test_other_options_stay_as_they_are() -> None:
    for described in ("multipicklist", "picklist", "textarea", "reference", "phone"):
        assert _option("Red;Green, dark;Blue", described) == "Red;Green, dark;Blue", described


def test_person_may_have_any_name() -> None:
    for name in ("None", "NA", "null", "nan", "N/A", "NULL", "True", "1e5"):
        mapped = _map({"LastName": name}, [FieldLink(salesforce_field="LastName", name="lastname")])
        assert (mapped["lastname"], json.loads(mapped["field_values"])["LastName"]) == (name, name)


def test_email_addresses_are_one_whatever_their_blanks_and_case() -> None:
    written = _series(" Ada@X.org\t", "\u200bada@x.ORG\xa0", "Jose\u0301@x.org", "josé@x.org", "  ", "", None)
    keys = unique_keys(pd.DataFrame({"Email": written}), EMAIL)
    assert keys.iloc[0] == keys.iloc[1] == "ada@x.org"
    assert keys.iloc[2] == keys.iloc[3] == "josé@x.org"
    assert keys.iloc[4:].isna().all()


def test_mailboxes_that_only_look_alike_are_two() -> None:
    keys = unique_keys(pd.DataFrame({"Email": _series("strasse@x.org", "straße@x.org")}), EMAIL)
    assert list(keys) == ["strasse@x.org", "straße@x.org"]


def test_other_unique_fields_keep_their_case() -> None:
    link = FieldLink(salesforce_field="Id", name="external_id", unique=True)
    assert list(unique_keys(pd.DataFrame({"Id": _series(" 00QaB ", "00Qab")}), link)) == ["00QaB", "00Qab"]


def test_record_is_mapped_to_mirror_and_customer() -> None:
    mapped = _map({"IsConverted": "true", "ConvertedContactId": "003000000000000001"}, [])
    assert set(RECORD_COLUMNS) <= set(mapped.index)
    assert (mapped["sobject"], mapped["id"], mapped["unique_key"]) == ("Lead", "00Q000000000000001", "ada@x.org")
    assert mapped["system_modstamp"] == pd.Timestamp("2026-01-02T03:04:05Z")
    assert (mapped["is_deleted"], mapped["is_converted"]) == (False, True)
    assert mapped["converted_contact_id"] == "003000000000000001"
    assert pd.isna(mapped["master_record_id"])
    assert pd.isna(mapped["reject_reason"])


def test_reject_reason_is_the_first_one_and_holds_no_value() -> None:
    links = [
        FieldLink(salesforce_field="Birth__c", name="birthday"),
        FieldLink(salesforce_field="Score__c", kind=CustomerFieldKind.OPTION, name="score"),
    ]
    mapped = _map({"Birth__c": "secret", "Score__c": "hidden"}, links, {"Birth__c": "date", "Score__c": "double"})
    assert mapped["reject_reason"] == "Birth__c does not convert to a date for birthday"


def test_missing_unique_value_is_the_first_reason() -> None:
    mapped = _map({"Email": None, "B__c": "x"}, [FieldLink(salesforce_field="B__c", name="birthday")])
    assert mapped["reject_reason"] == "Email is empty, and it is the unique field"


def test_deleted_record_need_not_be_usable() -> None:
    assert pd.isna(_map({"Email": None, "IsDeleted": "true"}, [])["reject_reason"])


def test_bad_record_leaves_the_others_alone() -> None:
    link = FieldLink(salesforce_field="X__c", name="birthday")
    column = convert(_series("1990-01-02", "x", None), link, "date")
    assert column.bad is not None
    assert list(column.bad) == [False, True, False]
    assert column.content.iloc[0] == "1990-01-02"


def test_frame_without_records_is_mapped() -> None:
    columns = ["Id", "SystemModstamp", "IsDeleted", "Email"]
    mapped = map_records(
        pd.DataFrame(columns=columns, dtype="str"), SObject.CONTACT, ObjectMapping(links=[EMAIL]), {"Email": "email"}
    )
    assert mapped.empty
    assert set(RECORD_COLUMNS) <= set(mapped.columns)


def test_many_empty_fields_are_mapped_in_smaller_parts() -> None:
    names = [f"Field_{number}_of_this_org__c" for number in range(300)]
    email = FieldLink(salesforce_field="Email", name="email_address", unique=True)
    options = [FieldLink(salesforce_field=name, kind=CustomerFieldKind.OPTION, name=name) for name in names]
    narrow, wide = ObjectMapping(links=[email]), ObjectMapping(links=[email, *options])
    given = {"Id": "003", "Email": "a@x.org", "SystemModstamp": "2026-03-02T10:00:00.000Z", "IsDeleted": "false"}
    records = pd.DataFrame([given | {"MasterRecordId": None} | dict.fromkeys(names)], dtype="str")

    mapped = map_records(records, SObject.CONTACT, wide, dict.fromkeys(names, "string") | {"Email": "email"})

    length = sum(len(mapped[name].iloc[0]) for name in ("field_values", "options"))
    assert length > 15_000
    assert 1_000 < most_at_once(wide) < (64 << 20) / length * 1.1
    assert most_at_once(narrow) > 1_000_000
