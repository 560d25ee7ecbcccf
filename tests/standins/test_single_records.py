"""One record at a time, and custom objects."""

from typing import Any

import pytest

from standins.salesforce.errors import RecordError
from standins.salesforce.ids import make_id
from standins.salesforce.org.org import Org
from standins.salesforce.schema.common_fields import reference
from standins.salesforce.schema.custom_objects import custom_object
from standins.salesforce.schema.fields import Field, SObject
from tests.standins.conftest import Client


def send(client: Client, method: str, path: str, **body: Any) -> Any:
    return client.http.request(method, client.data + path, json=body, timeout=10)


def lead_moment(*more: Field) -> SObject:
    return custom_object(
        "ClangLeadContactMoment__c",
        "Contact Moment",
        Field("Moment_Key__c", "Moment Key", length=40, external_id=True, unique=True, nillable=False),
        reference("Lead__c", "Lead", "Lead"),
        Field("Subject__c", "Subject", length=255),
        Field("Sent__c", "Sent", "datetime"),
        *more,
        number_format="CM-{000000}",
    )


def test_record_is_made_read_changed_and_deleted(client: Client, org: Org) -> None:
    made = send(client, "POST", "/sobjects/Contact", LastName="Smit", Email="s@example.com")
    record_id = made.json()["id"]
    assert (made.status_code, made.json()) == (201, {"id": record_id, "success": True, "errors": []})
    path = f"/sobjects/Contact/{record_id}"
    assert made.headers["Location"] == f"/services/data/v59.0{path}"
    assert send(client, "PATCH", path, Title="Boss").status_code == 204
    read = client.get(f"{path}?fields=Title,Email").json()
    attributes = {"type": "Contact", "url": f"/services/data/v59.0{path}"}
    assert read == {"attributes": attributes, "Id": record_id, "Title": "Boss", "Email": "s@example.com"}
    assert client.get(path).json()["MailingAddress"] is None
    assert client.http.delete(client.data + path, timeout=10).status_code == 204
    for answer in (client.get(path), send(client, "PATCH", path, Title="x")):
        expected = [{"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}]
        assert (answer.status_code, answer.json()) == (404, expected)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/sobjects/Contact/003000000000009AAA", 404, "NOT_FOUND"),
        ("GET", "/sobjects/Contact/23foo", 404, "NOT_FOUND"),
        ("GET", "/sobjects/Contact/00Q000000000009AAA", 404, "NOT_FOUND"),
        ("GET", "/sobjects/Nope/003000000000009AAA", 404, "NOT_FOUND"),
        ("GET", "/sobjects/Contact/Customer_Number__c/none", 404, "NOT_FOUND"),
        ("PATCH", "/sobjects/Contact/Title/x", 404, "NOT_FOUND"),
        ("PATCH", "/sobjects/Contact/003000000000009AAA", 404, "NOT_FOUND"),
        ("POST", "/sobjects/Contact", 400, "REQUIRED_FIELD_MISSING"),
    ],
)
def test_single_record_refusals(client: Client, method: str, path: str, status: int, code: str) -> None:
    answer = client.http.request(method, client.data + path, json=None if method == "GET" else {}, timeout=10)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)


def test_upsert_by_external_id_makes_then_changes(client: Client, org: Org) -> None:
    path = "/sobjects/Contact/Customer_Number__c/C%2F1"
    made = send(client, "PATCH", path, LastName="Smit")
    assert (made.status_code, made.json()["created"]) == (201, True)
    changed = send(client, "PATCH", path, Title="Boss")
    expected = {"id": made.json()["id"], "success": True, "errors": [], "created": False}
    assert (changed.status_code, changed.json()) == (200, expected)
    assert client.get(path).json()["Title"] == "Boss"
    assert client.get(path).json()["Customer_Number__c"] == "C/1"


def test_upsert_of_a_key_that_several_have_names_them(client: Client, org: Org) -> None:
    ids = [org.records.insert("Contact", {"LastName": "x", "Customer_Number__c": "C1"}) for _ in range(2)]
    answer = send(client, "PATCH", "/sobjects/Contact/Customer_Number__c/C1", Title="x")
    expected = [f"/services/data/v59.0/sobjects/Contact/{one}" for one in ids]
    assert (answer.status_code, answer.json()) == (300, expected)


def test_locked_record_is_a_400(client: Client, org: Org) -> None:
    record_id = org.records.insert("Contact", {"LastName": "x"})
    org.refusals.add(record_id)
    answer = send(client, "PATCH", f"/sobjects/Contact/{record_id}", Title="x")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "UNABLE_TO_LOCK_ROW")


def test_custom_object_is_described_queried_and_written(client: Client, org: Org) -> None:
    assert client.get("/sobjects/ClangLeadContactMoment__c/describe").status_code == 404
    prefix = org.add_object(lead_moment()).prefix
    described = client.get("/sobjects/ClangLeadContactMoment__c/describe").json()
    fields = {field["name"]: field for field in described["fields"]}
    assert (described["custom"], described["keyPrefix"], described["label"]) == (True, prefix, "Contact Moment")
    assert (fields["Moment_Key__c"]["externalId"], fields["Moment_Key__c"]["unique"]) == (True, True)
    assert (fields["Lead__c"]["referenceTo"], fields["Lead__c"]["relationshipName"]) == (["Lead"], "Lead__r")
    assert (fields["Name"]["autoNumber"], fields["Name"]["createable"]) == (True, False)
    lead_id = org.records.insert("Lead", {"LastName": "Smit", "Company": "C"})
    path = "/sobjects/ClangLeadContactMoment__c"
    made = send(client, "PATCH", f"{path}/Moment_Key__c/m-1", Lead__c=lead_id, Subject__c="Hello")
    assert made.json()["id"].startswith(prefix)
    page = client.query("SELECT Name, Subject__c, Lead__r.LastName FROM ClangLeadContactMoment__c").json()
    record = page["records"][0]
    assert (record["Name"], record["Subject__c"], record["Lead__r"]["LastName"]) == ("CM-000001", "Hello", "Smit")
    counts = client.get("/limits/recordCount?sObjects=ClangLeadContactMoment__c").json()["sObjects"]
    assert counts == [{"count": 1, "name": "ClangLeadContactMoment__c"}]


def test_unique_field_refuses_a_second_record(org: Org) -> None:
    kind = org.add_object(lead_moment()).name
    first = org.records.insert(kind, {"Moment_Key__c": "a"})
    second = org.records.insert(kind, {"Moment_Key__c": "b"})
    org.records.update(kind, first, {"Moment_Key__c": "A"})
    with pytest.raises(RecordError, match=f"duplicates value on record with id: {first}") as caught:
        org.records.update(kind, second, {"Moment_Key__c": "a"})
    assert (caught.value.code, caught.value.fields) == ("DUPLICATE_VALUE", ("Moment_Key__c",))


def test_moment_of_a_parent_that_has_gone_is_refused(client: Client, org: Org) -> None:
    kind = org.add_object(lead_moment()).name
    deleted, converted = (org.records.insert("Lead", {"LastName": "x", "Company": "C"}) for _ in range(2))
    made = send(client, "POST", f"/sobjects/{kind}", Moment_Key__c="m0", Lead__c=converted).json()["id"]
    org.records.delete("Lead", deleted)
    org.records.convert(converted)
    parents = {"m1": deleted, "m2": converted, "m3": make_id("00Q", 9)}
    rows = [{"attributes": {"type": kind}, "Moment_Key__c": key, "Lead__c": lead} for key, lead in parents.items()]
    given = send(client, "POST", "/composite/sobjects", records=rows).json()
    assert [one["errors"][0]["statusCode"] for one in given] == [
        "ENTITY_IS_DELETED",
        "CANNOT_UPDATE_CONVERTED_LEAD",
        "INVALID_CROSS_REFERENCE_KEY",
    ]
    assert send(client, "PATCH", f"/sobjects/{kind}/{made}", Lead__c=converted, Subject__c="x").status_code == 204


def test_field_can_be_added_to_an_object_with_records(client: Client, org: Org) -> None:
    kind = org.add_object(lead_moment()).name
    record_id = org.records.insert(kind, {"Moment_Key__c": "a"})
    org.add_object(lead_moment(Field("Clicked__c", "Clicked", "datetime")))
    path = f"/sobjects/{kind}/{record_id}"
    assert send(client, "PATCH", path, Clicked__c="2026-03-04T05:06:07.000+0000").status_code == 204
    assert client.get(path).json()["Clicked__c"] == "2026-03-04T05:06:07.000+0000"
