"""SOQL that asks for what every sync needs, and a user's filter that stays a filter."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sync.errors import MappingError
from crm_sync.requests import RequestKind
from crm_sync.salesforce.read.soql import build_select, checked_filter, select_columns
from tests.salesforce.conftest import Rig

NOON = datetime(2026, 11, 23, 12, 0, 0, 999_999, tzinfo=UTC)


def test_select_adds_what_every_sync_needs_and_nothing_twice() -> None:
    columns = select_columns("Lead", ["email", "Email", "ID", "Account.Name", "systemmodstamp"])
    needed = ["Id", "SystemModstamp", "IsDeleted", "MasterRecordId", "IsConverted", "ConvertedContactId"]
    assert columns == [*needed, "email", "Account.Name"]
    assert "IsConverted" not in select_columns("Contact", [])
    assert select_columns("Campaign", []) == ["Id", "SystemModstamp", "IsDeleted"]


def test_query_has_lower_bound_in_whole_utc_seconds_and_the_filter_in_parentheses() -> None:
    amsterdam = NOON.astimezone(timezone(timedelta(hours=1)))
    query = build_select("Contact", ["Email"], where="Status__c = 'a' OR Status__c = 'b'", since=amsterdam)
    assert query.endswith(
        "FROM Contact WHERE SystemModstamp >= 2026-11-23T12:00:00+00:00 AND (Status__c = 'a' OR Status__c = 'b')"
    )


def test_query_without_filter_has_no_where() -> None:
    for where in (None, "", "  \n"):
        assert "WHERE" not in build_select("Contact", [], where=where)


def test_naive_lower_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        build_select("Lead", [], since=NOON.replace(tzinfo=None))


def test_name_that_is_no_api_name_is_refused() -> None:
    for name in ("", "Email FROM User", "a,b", "1a", "a.", ".a", "a..b", "Ä", "a\n", "a" * 99, "a;"):
        with pytest.raises(MappingError):
            select_columns("Lead", [name])
        with pytest.raises(MappingError):
            build_select(name, [])


def test_query_longer_than_salesforce_takes_is_refused() -> None:
    with pytest.raises(MappingError, match="longer"):
        build_select("Lead", [f"Field_{number:060}__c" for number in range(2000)])


def test_filter_that_is_a_condition_passes_unchanged() -> None:
    for where in (
        "Status = 'Open'",
        "Company = 'Limit; ORDER BY (x' AND (Score__c > 5 OR NOT (Email = null))",
        "LastName = 'O\\'Neill'",
        "LastName = 'ends with a backslash \\\\'",
        "CreatedDate = LAST_N_DAYS:30",
        "CreatedDate >= 2026-01-01T00:00:00+01:00",
        "Id IN (SELECT LeadId FROM CampaignMember WHERE Campaign.Name = 'x')",
        "Limit__c = 5 AND For_Whom__c = 'a'",
        "Interests__c INCLUDES ('a;b', 'c')",
        "Name LIKE '%\u00e9%'\n AND Email != null",
    ):
        assert checked_filter(where) == where


def test_filter_that_is_more_than_a_condition_is_refused_with_the_reason_and_not_repeated() -> None:
    for where, reason in (
        ("Status = 'Open' LIMIT 5", "LIMIT"),
        ("Status = 'Open' order  by Name", "ORDER"),
        ("Status = 'Open'\nOFFSET 5", "OFFSET"),
        ("Status = 'Open' GROUP BY Name", "GROUP"),
        ("Status = 'Open' FOR UPDATE", "FOR"),
        ("Status = 'Open' FOR VIEW", "FOR"),
        ("Status = 'Open' ALL ROWS", "ALL ROWS"),
        ("Status = 'Open' WITH SECURITY_ENFORCED", "WITH"),
        ("WHERE Status = 'Open'", "condition only"),
        ("SELECT Id FROM Lead", "condition only"),
        ("Status = 'Open') OR (Id != null", "parenthesis"),
        ("Status = 'Open') LIMIT 1 --(", "character"),
        (") OR (Id != null", "parenthesis"),
        ("(Status = 'Open'", "parenthesis"),
        ("Status = 'Open", "single quote"),
        ("Status = 'Open\\' OR Id != null", "single quote"),
        ("Status = 'a' OR 'b\\'", "single quote"),
        ("Status = 'Open'; DELETE", "character"),
        ('Status = "Open"', "character"),
        ("Status = {x}", "character"),
        ("Id != null /* ' */", "character|quote"),
        ("Id != null\x00", "character"),
        ("Id != null\u2028LIMIT 1", "character"),
        ("Name = '" + "x" * 4001 + "'", "4,000"),
        ("Id IN (SELECT LeadId FROM CampaignMember LIMIT 5)", "LIMIT"),
        ("Email = 'ada@acme.example' LIMIT 5", "LIMIT"),
    ):
        with pytest.raises(MappingError, match=reason) as caught:
            checked_filter(where)
        assert "ada@" not in str(caught.value)


HOSTILE = st.lists(
    st.sampled_from(
        ["'", "\\", "(", ")", ";", " OR ", " LIMIT 1", "ORDER BY Id", "Id", " = ", "\n", "a", "\u2019", '"', "--"]
    )
    | st.characters(),
    max_size=12,
).map("".join)


def closes_only_at_the_end(wrapped: str) -> bool:
    """Read the text as SOQL does, character by character, apart from our own patterns."""
    depth, quoted, escaped = 0, False, False
    for position, character in enumerate(wrapped):
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = character == "\\", character != "'"
        elif character == "'":
            quoted = True
        elif character in "()":
            depth += 1 if character == "(" else -1
            if depth == 0:
                return position == len(wrapped) - 1
    return False


@given(HOSTILE)
def test_no_accepted_filter_gets_out_of_its_parentheses(where: str) -> None:
    try:
        checked = checked_filter(where)
    except MappingError:
        return
    assert closes_only_at_the_end(f"({checked})")
    assert not re.search(r"\bLIMIT\b|\bORDER\b", re.sub(r"'(?:[^'\\]|\\.)*'", "", checked, flags=re.DOTALL))


@given(HOSTILE)
def test_the_reader_of_the_test_sees_a_filter_that_gets_out(where: str) -> None:
    assert not closes_only_at_the_end(f"(Id = null) OR ({where.replace(')', '')}")


def test_built_query_is_answered(rig: Rig) -> None:
    query = build_select("Lead", ["LastName"], where="LastName = 'None'", since=NOON - timedelta(days=9999))
    answer = rig.org.request("GET", "queryAll", RequestKind.QUERY, params={"q": query}).json()
    assert [record["LastName"] for record in answer["records"]] == ["None"]
