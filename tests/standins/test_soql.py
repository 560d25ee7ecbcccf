"""SOQL: what it finds, how it is refused, and that no input gets through to SQL."""

# ruff: noqa: S608 - this is SOQL, and being hostile is the point

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from standins.salesforce.errors import SalesforceError
from standins.salesforce.org.org import Org
from standins.salesforce.schema.objects import contact, lead
from standins.salesforce.soql.parser import parse
from standins.salesforce.soql.sql import translate

SCHEMA = {"Lead": lead(), "Contact": contact()}


@pytest.fixture
def people(org: Org) -> Org:
    org.records.insert("Contact", {"LastName": "O'Brien", "Email": "ob@example.com", "Interests__c": "Art;Music"})
    org.records.insert("Contact", {"LastName": "None", "Score__c": 5, "HasOptedOutOfEmail": True})
    org.records.insert("Contact", {"LastName": "100%", "Birthdate": "1990-02-28", "Interests__c": "Music"})
    return org


def found(org: Org, where: str, rest: str = "") -> list[str]:
    """Return the last names that a condition finds, in order."""
    snapshot = org.query(f"SELECT LastName FROM Contact WHERE {where} {rest}")
    names = [record["LastName"] for record in snapshot.records(0, 100)]
    snapshot.close()
    return names


@pytest.mark.parametrize(
    ("where", "names"),
    [
        (r"LastName = 'O\'Brien'", ["O'Brien"]),
        (r"LastName = 'o\'BRIEN'", ["O'Brien"]),
        ("LastName LIKE 'O%'", ["O'Brien"]),
        (r"LastName LIKE '100\%'", ["100%"]),
        (r"LastName LIKE '%\%%'", ["100%"]),
        ("Email = null", ["None", "100%"]),
        ("Email != null", ["O'Brien"]),
        ("Email != 'x@example.com'", ["O'Brien", "None", "100%"]),
        ("NOT Email = 'ob@example.com'", ["None", "100%"]),
        ("NOT (Score__c > 4)", ["O'Brien", "100%"]),
        ("Score__c >= 5.0 AND HasOptedOutOfEmail = true", ["None"]),
        ("LastName IN ('None', 'NA')", ["None"]),
        ("Email NOT IN ('ob@example.com')", ["None", "100%"]),
        ("Birthdate < 2000-01-01", ["100%"]),
        ("SystemModstamp >= 2026-03-04T05:06:07Z", ["O'Brien", "None", "100%"]),
        ("SystemModstamp > 2026-03-04T06:06:07+01:00", []),
        ("SystemModstamp < 2026-03-04T05:06:07.500Z", ["O'Brien", "None", "100%"]),
        ("(LastName = 'None' OR LastName = '100%') AND Score__c = null", ["100%"]),
        ("Name = 'None'", ["None"]),
        ("Id = '003Qy0000000002'", ["None"]),
    ],
)
def test_condition_finds_what_salesforce_finds(people: Org, where: str, names: list[str]) -> None:
    assert found(people, where) == names


def test_order_limit_and_empty_values(people: Org) -> None:
    assert found(people, "IsDeleted = false", "ORDER BY Score__c DESC NULLS LAST LIMIT 1") == ["None"]
    assert found(people, "IsDeleted = false", "ORDER BY LastName DESC") == ["O'Brien", "None", "100%"]
    assert found(people, "IsDeleted = false", "LIMIT 2") == ["O'Brien", "None"]


@pytest.mark.parametrize(
    ("soql", "code", "words"),
    [
        ("SELECT Id FROM XYZZY", "INVALID_TYPE", "Column:16\nsObject type 'XYZZY' is not supported."),
        ("SELECT Nope FROM Lead", "INVALID_FIELD", "Column:8\nNo such column 'Nope' on entity 'Lead'."),
        ("SELECT Id, Boss.Name FROM Lead", "INVALID_FIELD", "Didn't understand relationship 'Boss'"),
        ("SELECT Id FROM Lead WHERE Description = 'a'", "INVALID_FIELD", "field 'Description' can not be filtered"),
        ("SELECT Id FROM Lead ORDER BY Description", "INVALID_FIELD", "field 'Description' can not be sorted"),
        (
            "SELECT Id FROM Lead WHERE SystemModstamp > '2026-01-01'",
            "INVALID_FIELD",
            "dateTime and should not be enclosed",
        ),
        ("SELECT Id FROM Lead WHERE LastName = 5", "INVALID_FIELD", "string and should be enclosed in quotes"),
        ("SELECT Id FROM Lead WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        (
            "SELECT Id FROM Lead WHERE Id = null OR Id = null AND Id = null",
            "MALFORMED_QUERY",
            "unexpected token: 'AND'",
        ),
        ("SELECT Id FRM Lead", "MALFORMED_QUERY", "unexpected token: 'FRM'"),
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Lead WHERE LastName = '\ud83c'", "MALFORMED_QUERY", "not valid Unicode"),
        ("", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id, Id FROM Lead", "MALFORMED_QUERY", "duplicate field selected: Id"),
        ("SELECT Id FROM Lead; DROP TABLE Lead", "MALFORMED_QUERY", "no viable alternative at character ';'"),
        (r"SELECT Id FROM Lead WHERE LastName = '\q'", "MALFORMED_QUERY", r"Illegal character sequence '\q'"),
        ("SELECT Id FROM Lead WHERE LastName = 'open", "MALFORMED_QUERY", "no viable alternative at character '''"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > 2026-13-45T00:00:00Z", "INVALID_FIELD", "invalid datetime"),
        ("SELECT Id FROM Lead WHERE " + "(" * 200 + "Id = null" + ")" * 200, "QUERY_TOO_COMPLICATED", "complicated"),
        ("SELECT Id FROM Lead WHERE LastName = '" + "a" * 100_000 + "'", "MALFORMED_QUERY", "longer than 100000"),
    ],
)
def test_refusal_is_worded_as_salesforce_words_it(soql: str, code: str, words: str) -> None:
    with pytest.raises(SalesforceError) as caught:
        translate(parse(soql), SCHEMA, include_deleted=False)
    assert caught.value.code == code
    assert words in caught.value.message


def test_recorded_refusal_is_repeated_letter_for_letter() -> None:
    with pytest.raises(SalesforceError) as caught:
        translate(parse("select count() from XYZZY"), SCHEMA, include_deleted=False)
    assert caught.value.message.startswith(
        "\nselect count() from XYZZY\n                    ^\nERROR at Row:1:Column:21\nsObject type 'XYZZY' is not"
    )


def test_thousands_of_alternatives_are_answered(people: Org) -> None:
    assert found(people, " OR ".join(["LastName = 'None'"] * 3000)) == ["None"]


@pytest.mark.parametrize(
    "hostile", ["x' OR '1'='1", 'x" OR 1=1 --', "x'); DROP TABLE Contact; --", "\\", "%", "\x00", "🌷"]
)
def test_a_value_stays_a_value(people: Org, hostile: str) -> None:
    quoted = hostile.replace("\\", "\\\\").replace("'", "\\'")
    assert found(people, f"LastName = '{quoted}'") == []
    assert people.records.count("Contact") == 3


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="SELECTFROMWhereIdLastName ,()='\\\"%_-0123456789:.TZ\n<>!", max_size=60))
def test_any_text_is_a_query_or_a_refusal(noise: str) -> None:
    for soql in (noise, f"SELECT Id FROM Lead WHERE {noise}", f"SELECT {noise} FROM Contact"):
        try:
            statement: Any = translate(parse(soql), SCHEMA, include_deleted=True)
        except SalesforceError as error:
            assert error.status == 400  # noqa: PT017 - both ends are right
        else:
            assert statement.where.count("?") == len(statement.parameters)
