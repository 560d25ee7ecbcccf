"""A REST answer gives the very frame that Bulk CSV gives of the same record."""

import json

import pandas as pd

from crm_sync.salesforce.read.json_rows import records_frame

_TYPES = {"Visited__c": "datetime", "Optin__c": "boolean", "Account.IsPartner": "boolean", "Born__c": "date"}
_ANSWER = """[
  {"attributes": {"type": "Contact"}, "Id": "003A", "SystemModstamp": "2026-11-23T10:00:00.000+0000",
   "IsDeleted": false, "Visited__c": "2026-01-02T03:04:05.000+0000", "Optin__c": true, "Score__c": 10.50,
   "Born__c": "1990-02-03",
   "Name": "None", "Account": {"attributes": {"type": "Account"}, "Name": "A+0000", "IsPartner": false}},
  {"attributes": {"type": "Contact"}, "Id": "003B", "SystemModstamp": "2026-11-23T10:00:01.000+0000",
   "IsDeleted": true, "Visited__c": null, "Optin__c": false, "Score__c": 123456789012345678901234567890,
   "Born__c": null,
   "Name": null, "Account": null}
]"""
_COLUMNS = [
    "Id",
    "SystemModstamp",
    "IsDeleted",
    "Visited__c",
    "optin__c",
    "Score__c",
    "Born__c",
    "Name",
    "Account.Name",
]


def _frame(columns: list[str]) -> pd.DataFrame:
    types = _TYPES | {"optin__c": "boolean"}
    return records_frame(json.loads(_ANSWER, parse_int=str, parse_float=str), columns, types)


def test_every_value_is_text_as_in_csv() -> None:
    first, second = _frame(_COLUMNS).fillna("").to_dict("records")

    assert list(first.values()) == [
        *("003A", "2026-11-23T10:00:00.000Z", "false", "2026-01-02T03:04:05.000Z", "true", "10.50", "1990-02-03"),
        *("None", "A+0000"),
    ]
    assert list(second.values()) == [
        *("003B", "2026-11-23T10:00:01.000Z", "true", "", "false", "123456789012345678901234567890", "", "", ""),
    ]


def test_null_is_missing_and_columns_are_text() -> None:
    frame = _frame([*_COLUMNS, "Account.IsPartner", "Gone__c"])

    assert frame.loc[1, ["Visited__c", "Name", "Account.Name", "Account.IsPartner", "Gone__c"]].isna().all()
    assert set(map(str, frame.dtypes)) == {"str"}


def test_no_record_is_an_empty_frame() -> None:
    assert records_frame([], _COLUMNS, _TYPES).shape == (0, len(_COLUMNS))
