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


def test_record_is_made(client: Client) -> None:
    made = send(client, "POST", "/sobjects/Contact", LastName="Smit", Email="s@example.com")
    record_id = made.json()["id"]
    assert (made.status_code, made.json()) == (201, {"id": record_id, "success": True, "errors": []})
    assert made.headers["Location"] == f"/services/data/v59.0/sobjects/Contact/{record_id}"


@pytest.mark.parametrize(
    ("name", "status", "code"), [("Nope", 404, "NOT_FOUND"), ("Contact", 400, "REQUIRED_FIELD_MISSING")]
)
def test_refused_record_is_not_made(client: Client, name: str, status: int, code: str) -> None:
    answer = send(client, "POST", f"/sobjects/{name}")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)


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
    moment = {"Moment_Key__c": "m-1", "Lead__c": lead_id, "Subject__c": "Hello"}
    made = send(client, "POST", "/sobjects/ClangLeadContactMoment__c", **moment)
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
    given = send(client, "PATCH", f"/composite/sobjects/{kind}/Moment_Key__c", records=rows).json()
    assert [one["errors"][0]["statusCode"] for one in given] == [
        "ENTITY_IS_DELETED",
        "CANNOT_UPDATE_CONVERTED_LEAD",
        "INVALID_CROSS_REFERENCE_KEY",
    ]
    again = {"attributes": {"type": kind}, "Id": made, "Lead__c": converted, "Subject__c": "x"}
    assert send(client, "PATCH", "/composite/sobjects", records=[again]).json()[0]["success"]


def test_field_can_be_added_to_an_object_with_records(client: Client, org: Org) -> None:
    kind = org.add_object(lead_moment()).name
    record_id = org.records.insert(kind, {"Moment_Key__c": "a"})
    org.add_object(lead_moment(Field("Clicked__c", "Clicked", "datetime")))
    clicked = "2026-03-04T05:06:07.000+0000"
    row = {"attributes": {"type": kind}, "Id": record_id, "Clicked__c": clicked}
    assert send(client, "PATCH", "/composite/sobjects", records=[row]).json()[0]["success"]
    assert (
        client.query("SELECT Clicked__c FROM ClangLeadContactMoment__c").json()["records"][0]["Clicked__c"] == clicked
    )
