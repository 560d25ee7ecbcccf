"""A number in a text field has the digits that Salesforce shows."""

import pandas as pd
import pytest

from crm_sync.mapping.model import FieldLink
from crm_sync.mapping.transform import convert, unique_keys
from crm_sync.push.values import comparable, comparable_known

NUMBER = FieldLink(salesforce_field="Number__c", name="address_number")
CASES = [
    ("12.0", "double(0)", "12"),
    ("1.6147805824397E13", "double(0)", "16147805824397"),
    ("-1.6147805824397E13", "double(0)", "-16147805824397"),
    ("1.23456789012345678E17", "double(0)", "123456789012345678"),
    ("9.9213206E7", "double(0)", "99213206"),
    ("8.0E7", "currency(2)", "80000000.00"),
    ("0.0", "double(0)", "0"),
    ("-0.0", "double(0)", "0"),
    ("12", "int", "12"),
    ("12.0", "int", "12"),
    ("12.5", "currency(2)", "12.50"),
    ("1.0E7", "currency(2)", "10000000.00"),
    ("1.0E-4", "double(4)", "0.0001"),
    ("12.345", "double(2)", "12.35"),
    ("-0.001", "double(2)", "0.00"),
    ("12.5", "percent(0)", "13"),
    ("12.0", "double", "12"),
    ("12.50", "double", "12.5"),
    ("1.6147805824397E13", "double", "16147805824397"),
    ("1E-7", "double", "0.0000001"),
    ("n/a", "double(0)", "n/a"),
    ("1e999999", "double(0)", "1e999999"),
    (None, "double(0)", None),
]


@pytest.mark.parametrize(("given", "described", "shown"), CASES)
def test_number_is_shown_as_in_salesforce(given: str | None, described: str, shown: str | None) -> None:
    values = pd.Series([given, "7.0"], dtype="str")
    text = convert(values, NUMBER, described).content.iloc[0]
    assert (None if pd.isna(text) else text) == shown


def test_a_number_that_tells_customers_apart_has_no_decimals_either() -> None:
    link = FieldLink(salesforce_field="Number__c", name="external_id", unique=True)
    records = pd.DataFrame({"Number__c": pd.Series(["1.6147805824397E13", "12.0"], dtype="str")})
    assert unique_keys(records, link, "double(0)").tolist() == ["16147805824397", "12"]


def test_a_push_sees_no_difference_between_two_spellings_of_a_number() -> None:
    link = FieldLink(salesforce_field="Number__c", name="external_id")
    known, bad = comparable_known(pd.Series(["1.6147805824397E13", "12.50"], dtype="str"), link, "double(2)")
    own = comparable(pd.Series(["16147805824397", "12.5"], dtype="str"), link, "double(2)")
    assert known.tolist() == own.tolist()
    assert not bad.any()
