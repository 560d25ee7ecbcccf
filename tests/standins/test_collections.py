"""Collections: up to 200 records in one request."""

from typing import Any

import pytest
import requests

from standins.salesforce.org.org import Org
from tests.standins.conftest import Client

SOBJECTS = "/composite/sobjects"


def row(sobject: str, **values: Any) -> dict[str, Any]:
    return {"attributes": {"type": sobject}, **values}


def send(client: Client, method: str, path: str, *rows: dict[str, Any], **more: Any) -> requests.Response:
    return client.http.request(method, client.data + path, json={"records": rows, **more}, timeout=30)


def results(client: Client, method: str, path: str, *rows: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    answer = send(client, method, path, *rows, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def codes(rows: list[dict[str, Any]]) -> list[str | None]:
    return [None if one["success"] else one["errors"][0]["statusCode"] for one in rows]


def contact(org: Org, **values: Any) -> str:
    return org.records.insert("Contact", {"LastName": "Smit", **values})


def test_update_answers_in_order_and_mixes_types(client: Client, org: Org) -> None:
    one, lead = contact(org), {"LastName": "B", "Company": "B"}
    two, three = (org.records.insert("Lead", lead) for _ in range(2))
    rows = (row("Contact", Id=one, Title="x"), row("Lead", Id=two, Company=None), row("Lead", Id=three, LastName="C"))
    assert results(client, "PATCH", SOBJECTS, *rows) == [
        {"id": one, "success": True, "errors": []},
        {
            "success": False,
            "errors": [
                {
                    "statusCode": "REQUIRED_FIELD_MISSING",
                    "message": "Required fields are missing: [Company]",
                    "fields": ["Company"],
                }
            ],
        },
        {"id": three, "success": True, "errors": []},
    ]
    assert org.records.get("Lead", three)["LastName"] == "C"
    assert org.journal.counts() == {"login": 1, "collections": 1}


def test_update_changes_what_is_given_and_clears_what_is_null(client: Client, org: Org) -> None:
    one = contact(org, FirstName="Anna", Title="Boss")
    assert results(client, "PATCH", SOBJECTS, row("Contact", id=one[:15], Title=None, Score__c="12.5")) == [
        {"id": one, "success": True, "errors": []}
    ]
    stored = org.records.get("Contact", one)
    assert (stored["FirstName"], stored["Title"], stored["Score__c"]) == ("Anna", None, 12.5)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Id": "003000000000009AAA"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"Id": "nonsense"}, "MALFORMED_ID"),
        ({"Id": "00Q000000000001AAA"}, "MALFORMED_ID"),
        ({}, "MISSING_ARGUMENT"),
        ({"LastName": "x" * 81}, "STRING_TOO_LONG"),
        ({"LastName": None}, "REQUIRED_FIELD_MISSING"),
        ({"Email": "no address"}, "INVALID_EMAIL_ADDRESS"),
        ({"Newsletter__c": "Maybe"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"Name": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Lifetime_Value__c": 1e17}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"AccountId": "001000000000009AAA"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"AccountId": "003000000000009AAA"}, "MALFORMED_ID"),
    ],
)
def test_refused_row_leaves_the_others(client: Client, org: Org, values: dict[str, Any], code: str) -> None:
    bad, good = contact(org), contact(org)
    before = org.records.get("Contact", bad)
    own = {} if "Id" in values or not values else {"Id": bad}
    given = results(client, "PATCH", SOBJECTS, row("Contact", **own, **values), row("Contact", Id=good, Title="Boss"))
    assert codes(given) == [code, None]
    assert org.records.get("Contact", bad) == before
    assert org.records.get("Contact", good)["Title"] == "Boss"


def test_deleted_and_converted_records_refuse(client: Client, org: Org) -> None:
    gone = contact(org)
    org.records.delete("Contact", gone)
    lead_id = org.records.insert("Lead", {"LastName": "Smit", "Company": "C"})
    org.records.convert(lead_id)
    given = results(client, "PATCH", SOBJECTS, row("Contact", Id=gone), row("Lead", Id=lead_id, Title="x"))
    assert codes(given) == ["ENTITY_IS_DELETED", "CANNOT_UPDATE_CONVERTED_LEAD"]


def test_same_record_twice_fails_both_times(client: Client, org: Org) -> None:
    twice, once = contact(org), contact(org)
    rows = [row("Contact", Id=one, Title="x") for one in (twice, once, twice[:15])]
    assert codes(results(client, "PATCH", SOBJECTS, *rows)) == ["DUPLICATE_VALUE", None, "DUPLICATE_VALUE"]
    keys = [row("Contact", LastName="x", Customer_Number__c=key) for key in ("K1", "K2", "k1")]
    given = results(client, "PATCH", f"{SOBJECTS}/Contact/Customer_Number__c", *keys)
    assert codes(given) == ["DUPLICATE_VALUE", None, "DUPLICATE_VALUE"]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Nope__c": 1}, "INVALID_FIELD"),
        ({"HasOptedOutOfEmail": "Y"}, "JSON_PARSER_ERROR"),
        ({"Birthdate": "31-12-1990"}, "JSON_PARSER_ERROR"),
        ({"Score__c": "high"}, "JSON_PARSER_ERROR"),
    ],
)
def test_unreadable_value_fails_the_whole_request(client: Client, org: Org, values: dict[str, Any], code: str) -> None:
    good, bad = contact(org), contact(org)
    answer = send(client, "PATCH", SOBJECTS, row("Contact", Id=good, Title="x"), row("Contact", Id=bad, **values))
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert org.records.get("Contact", good)["Title"] is None


def test_field_that_the_user_cannot_see_is_unknown(client: Client, org: Org) -> None:
    org.hide_fields("Contact", "Title")
    answer = send(client, "PATCH", SOBJECTS, row("Contact", Id=contact(org), Title="y"))
    assert answer.json()[0]["message"] == "No such column 'Title' on sobject of type Contact"


def test_200_rows_in_10_chunks_at_most(client: Client, org: Org) -> None:
    people = [row("Contact", LastName=f"N{n}") for n in range(201)]
    assert len(results(client, "PATCH", SOBJECTS, *people[:200])) == 200
    answer = send(client, "PATCH", SOBJECTS, *people)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")
    turns = [row(("Contact", "Lead")[n % 2], LastName="x", Company="y") for n in range(11)]
    assert "more than 10 chunks" in send(client, "PATCH", SOBJECTS, *turns).json()[0]["message"]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([], "INVALID_INPUT"),
        ([{"LastName": "x"}], "INVALID_INPUT"),
        ([row("Nope", LastName="x")], "INVALID_TYPE"),
        (["x"], "JSON_PARSER_ERROR"),
    ],
)
def test_malformed_collection_is_refused(client: Client, rows: list[Any], code: str) -> None:
    answer = send(client, "PATCH", SOBJECTS, *rows)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_upsert_finds_by_external_id_or_makes(client: Client, org: Org) -> None:
    there = contact(org, Customer_Number__c="C1", Title="Boss")
    path = f"{SOBJECTS}/contact/customer_number__c"
    given = results(
        client,
        "PATCH",
        path,
        row("Contact", Customer_Number__c="c1", LastName="Changed"),
        row("Contact", Customer_Number__c="C2", LastName="Made"),
        row("Contact", LastName="No key"),
    )
    assert given[0] == {"id": there, "success": True, "errors": [], "created": False}
    assert given[1] == {"id": given[1]["id"], "success": True, "errors": [], "created": True}
    assert codes(given)[2] == "MISSING_ARGUMENT"
    stored = org.records.get("Contact", there)
    assert (stored["LastName"], stored["Title"], stored["Customer_Number__c"]) == ("Changed", "Boss", "C1")
    assert org.records.get("Contact", given[1]["id"])["Customer_Number__c"] == "C2"


def test_upsert_makes_anew_what_is_in_the_recycle_bin(client: Client, org: Org) -> None:
    org.records.delete("Contact", contact(org, Customer_Number__c="C1"))
    path = f"{SOBJECTS}/Contact/Customer_Number__c"
    assert results(client, "PATCH", path, row("Contact", Customer_Number__c="C1", LastName="x"))[0]["created"]


def test_upsert_by_email_or_id(client: Client, org: Org) -> None:
    there = contact(org, Email="a@example.com")
    given = results(client, "PATCH", f"{SOBJECTS}/Contact/Email", row("Contact", Email="A@example.com", Title="x"))
    assert (given[0]["id"], given[0]["created"]) == (there, False)
    rows = (row("Contact", Id=None, LastName="New"), row("Contact", Id=there, Title="y"))
    assert [one["created"] for one in results(client, "PATCH", f"{SOBJECTS}/Contact/Id", *rows)] == [True, False]


def test_upsert_refuses_a_key_that_several_have(client: Client, org: Org) -> None:
    ids = [contact(org, Customer_Number__c="C1") for _ in range(2)]
    path = f"{SOBJECTS}/Contact/Customer_Number__c"
    given = results(client, "PATCH", path, row("Contact", Customer_Number__c="C1", Title="x"))
    assert codes(given) == ["DUPLICATE_EXTERNAL_ID"]
    assert all(one in given[0]["errors"][0]["message"] for one in ids)


def test_upsert_by_a_field_that_is_no_key_is_refused(client: Client) -> None:
    answer = send(client, "PATCH", f"{SOBJECTS}/Contact/Title", row("Contact", Title="x"))
    message = "Provided external ID field does not exist or is not accessible: Title"
    assert (answer.status_code, answer.json()) == (404, [{"message": message, "errorCode": "NOT_FOUND"}])


def test_locked_row_refuses_as_often_as_told(client: Client, org: Org) -> None:
    account_id = org.records.insert("Account", {"Name": "Bloem"})
    locked, child = contact(org), contact(org)
    org.refusals.add(locked[:15], times=2)
    org.refusals.add(account_id, "K1")
    rows = (
        row("Contact", Id=locked, Title="x"),
        row("Contact", Id=child, AccountId=account_id),
    )
    first = results(client, "PATCH", SOBJECTS, *rows)
    assert first[0]["errors"] == [
        {
            "statusCode": "UNABLE_TO_LOCK_ROW",
            "message": "unable to obtain exclusive access to this record",
            "fields": [],
        }
    ]
    assert codes(first) == ["UNABLE_TO_LOCK_ROW", "UNABLE_TO_LOCK_ROW"]
    assert codes(results(client, "PATCH", SOBJECTS, *rows)) == ["UNABLE_TO_LOCK_ROW", None]
    assert codes(results(client, "PATCH", SOBJECTS, *rows)) == [None, None]
    path = f"{SOBJECTS}/Contact/Customer_Number__c"
    made = row("Contact", Customer_Number__c="K1", LastName="x")
    assert codes(results(client, "PATCH", path, made)) == ["UNABLE_TO_LOCK_ROW"]
    assert codes(results(client, "PATCH", path, made)) == [None]
