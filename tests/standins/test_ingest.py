"""Bulk ingest: CSV in, CSV of what became of it out."""

import csv
import io
import json
from typing import Any

import pytest
import requests

from standins.salesforce.org.org import Org
from standins.salesforce.schema.common_fields import reference
from standins.salesforce.schema.custom_objects import custom_object
from standins.salesforce.schema.fields import Field
from tests.standins.conftest import Client, Clock

JOBS = "/jobs/ingest"
Rows = list[dict[str, str]]


# Without an Id in its rows it makes a record of each.
BY_ID = {"object": "Contact", "operation": "upsert", "externalIdFieldName": "Id"}


def create(client: Client, **more: str) -> requests.Response:
    body = {**BY_ID, **more}
    return client.http.post(client.data + JOBS, json=body, timeout=10)


def put(client: Client, job_id: str, text: str) -> requests.Response:
    headers = {"Content-Type": "text/csv"}
    return client.http.put(f"{client.data}{JOBS}/{job_id}/batches", text.encode(), headers=headers, timeout=30)


def patch(client: Client, job_id: str, state: str) -> requests.Response:
    return client.http.patch(f"{client.data}{JOBS}/{job_id}", json={"state": state}, timeout=60)


def finished(client: Client, text: str, **more: str) -> dict[str, Any]:
    job_id: str = create(client, **more).json()["id"]
    assert put(client, job_id, text).status_code == 201
    assert patch(client, job_id, "UploadComplete").json()["state"] == "UploadComplete"
    return waited(client, job_id)


def waited(client: Client, job_id: str) -> dict[str, Any]:
    while (job := client.get(f"{JOBS}/{job_id}").json())["state"] in ("UploadComplete", "InProgress"):
        pass
    return job  # type: ignore[no-any-return]


def result(client: Client, job: dict[str, Any], kind: str, **style: Any) -> Rows:
    answer = client.get(f"{JOBS}/{job['id']}/{kind}")
    assert answer.status_code == 200, answer.text
    answer.encoding = "utf-8"
    return list(csv.DictReader(io.StringIO(answer.text, newline=""), **style))


def counts(job: dict[str, Any]) -> tuple[str, int, int]:
    return job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]


def test_new_job_tells_where_its_data_goes(client: Client, org: Org) -> None:
    job = create(client, externalIdFieldName="customer_number__c").json()
    expected = {
        "operation": "upsert",
        "object": "Contact",
        "createdById": org.user_id,
        "createdDate": "2026-03-04T05:06:07.000+0000",
        "state": "Open",
        "externalIdFieldName": "Customer_Number__c",
        "contentUrl": f"services/data/v59.0/jobs/ingest/{job['id']}/batches",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
        "apiVersion": 59.0,
    }
    assert job.items() >= expected.items()


def test_upsert_without_ids_makes_records_and_tells_rows_that_failed(client: Client, org: Org) -> None:
    text = 'LastName,Email,HasOptedOutOfEmail\n"de\nVries",a@example.com,true\nSmit,no address,\n,b@example.com,false\n'
    job = finished(client, text)
    assert counts(job) == ("JobComplete", 3, 2)
    good = result(client, job, "successfulResults")
    assert good == [
        {
            "sf__Id": good[0]["sf__Id"],
            "sf__Created": "true",
            "LastName": "de\nVries",
            "Email": "a@example.com",
            "HasOptedOutOfEmail": "true",
        }
    ]
    stored = org.records.get("Contact", good[0]["sf__Id"])
    assert (stored["LastName"], stored["HasOptedOutOfEmail"]) == ("de\nVries", 1)
    bad = {row["Email"]: (row["sf__Id"], row["sf__Error"]) for row in result(client, job, "failedResults")}
    assert bad == {
        "no address": ("", "INVALID_EMAIL_ADDRESS:Email: invalid email address: no address:Email --"),
        "b@example.com": ("", "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"),
    }
    assert result(client, job, "unprocessedrecords") == []


def test_update_ignores_empty_cells_and_clears_na(client: Client, org: Org) -> None:
    values = {"LastName": "Smit", "Title": "Boss", "Phone": "1", "Score__c": 3}
    record_id = org.records.insert("Contact", values)
    job = finished(
        client, f"Id,Title,Phone,Score__c\n{record_id},,#N/A,4.5\n003000000000009AAA,x,,\n", operation="update"
    )
    stored = org.records.get("Contact", record_id)
    assert (stored["Title"], stored["Phone"], stored["Score__c"]) == ("Boss", None, 4.5)
    assert result(client, job, "successfulResults")[0]["sf__Created"] == "false"
    failed = result(client, job, "failedResults")
    assert (failed[0]["sf__Id"], failed[0]["sf__Error"]) == (
        "003000000000009AAA",
        "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--",
    )


def test_upsert_by_external_id_is_harmless_when_repeated(client: Client, org: Org) -> None:
    lead_id = org.records.insert("Lead", {"LastName": "Smit", "Company": "C"})
    key = Field("Key__c", "Key", length=40, external_id=True, unique=True, nillable=False)
    opened = Field("Opened__c", "Opened", "datetime")
    kind = org.add_object(custom_object("Moment__c", "Moment", key, reference("Lead__c", "Lead", "Lead"), opened)).name
    text = "Key__c,Lead__c,Opened__c\n" + "".join(f"m{n},{lead_id},2026-03-04T05:06:07.000Z\n" for n in range(450))
    options = {"object": kind, "externalIdFieldName": "Key__c"}
    first = finished(client, text, **options)
    made = result(client, first, "successfulResults")
    assert counts(first) == ("JobComplete", 450, 0)
    assert {row["sf__Created"] for row in made} == {"true"}
    again = result(client, finished(client, text, **options), "successfulResults")
    assert {row["sf__Created"] for row in again} == {"false"}
    assert {row["sf__Id"] for row in again} == {row["sf__Id"] for row in made}
    assert org.records.count(kind) == 450


def test_results_are_in_another_order_but_always_the_same(client: Client) -> None:
    job = finished(client, "LastName\n" + "".join(f"N{n}\n" for n in range(100)))
    names = [row["LastName"] for row in result(client, job, "successfulResults")]
    assert sorted(names) == sorted(f"N{n}" for n in range(100))
    assert names != [f"N{n}" for n in range(100)]
    assert names == [row["LastName"] for row in result(client, job, "successfulResults")]


def test_locked_row_and_repeated_row_fail(client: Client, org: Org) -> None:
    ids = [org.records.insert("Contact", {"LastName": "x"}) for _ in range(3)]
    org.refusals.add(ids[0])
    text = "Id,Title\n" + "".join(f"{one},x\n" for one in (*ids, ids[1]))
    failed = result(client, finished(client, text, operation="update"), "failedResults")
    assert sorted(row["sf__Error"].split(":")[0] for row in failed) == [
        "DUPLICATE_VALUE",
        "DUPLICATE_VALUE",
        "UNABLE_TO_LOCK_ROW",
    ]
    assert failed[0].keys() == {"sf__Id", "sf__Error", "Id", "Title"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("LastName\r\nSmit\r\n", "ClientInputError : LineEnding is invalid on user data. Current LineEnding"),
        ("LastName|Title\nSmit|x\n", "InvalidBatch : Field name not found : LastName|Title"),
        ("LastName,Nope__c\nSmit,x\n", "InvalidBatch : Field name not found : Nope__c"),
        ("LastName,Title\nSmit\n", "InvalidBatch : Row 1 has 1 columns"),
        ('LastName\n"Smit"x\n', "InvalidBatch : Failed to parse CSV"),
        ("", "InvalidBatch : The 'content' is empty"),
        (f"LastName,Description\nSmit,{'x' * 32_001}\n", "InvalidBatch : Row 1 has a field or is a record of too many"),
    ],
)
def test_unreadable_csv_fails_the_job(client: Client, org: Org, text: str, message: str) -> None:
    job = finished(client, text)
    assert counts(job) == ("Failed", 0, 0)
    assert job["errorMessage"].startswith(message)
    assert org.records.count("Contact") == 0


def test_multipart_creates_uploads_and_closes_in_one_request(client: Client, org: Org) -> None:
    body = {**BY_ID, "lineEnding": "LF"}
    text = "LastName\nÇelik\nSmit\n"

    def post(content: str) -> requests.Response:
        files = {"job": (None, json.dumps(body), "application/json"), "content": ("content", content, "text/csv")}
        return client.http.post(client.data + JOBS, files=files, timeout=10)

    made = post(text)
    assert made.json()["state"] == "UploadComplete"
    job = waited(client, made.json()["id"])
    assert counts(job) == ("JobComplete", 2, 0)
    assert {row["LastName"] for row in result(client, job, "successfulResults")} == {"Çelik", "Smit"}
    assert post("LastName\n" + "x" * 100_000).status_code == 400


def test_rows_are_written_even_if_nobody_asks_again(client: Client, org: Org) -> None:
    job_id = create(client).json()["id"]
    put(client, job_id, "LastName\nSmit\n")
    assert org.records.count("Contact") == 0
    patch(client, job_id, "UploadComplete")
    assert org.records.count("Contact") == 1


def test_state_takes_as_many_polls_as_set(client: Client, org: Org) -> None:
    org.settings.bulk_polls = 3
    job_id = create(client).json()["id"]
    put(client, job_id, "LastName\nSmit\n")
    patch(client, job_id, "UploadComplete")
    assert client.get(f"{JOBS}/{job_id}/successfulResults").json()[0]["errorCode"] == "INVALIDJOBSTATE"
    jobs = [client.get(f"{JOBS}/{job_id}").json() for _ in range(4)]
    assert [job["state"] for job in jobs] == ["InProgress"] * 3 + ["JobComplete"]
    assert [job["numberRecordsProcessed"] for job in jobs] == [0, 0, 0, 1]


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_job_that_ends_early_leaves_rows_unprocessed(client: Client, org: Org, state: Any) -> None:
    org.ingest_jobs.end_next(state, "InternalServerError : Batch time out", after_rows=2)
    job = finished(client, "LastName\n" + "".join(f"N{n}\n" for n in range(5)))
    assert counts(job) == (state, 2, 0)
    assert job.get("errorMessage") == ("InternalServerError : Batch time out" if state == "Failed" else None)
    written = {row["LastName"] for row in result(client, job, "successfulResults")}
    left = result(client, job, "unprocessedrecords")
    assert {row["LastName"] for row in left} | written == {f"N{n}" for n in range(5)}
    assert len(left) == 3
    assert list(left[0]) == ["LastName"]
    assert org.records.count("Contact") == 2
    assert counts(finished(client, "LastName\nx\n")) == ("JobComplete", 1, 0)


def test_open_job_can_be_aborted(client: Client) -> None:
    job = create(client).json()
    put(client, job["id"], "LastName\nSmit\n")
    assert patch(client, job["id"], "Aborted").json()["state"] == "Aborted"
    assert result(client, job, "unprocessedrecords") == [{"LastName": "Smit"}]
    assert patch(client, job["id"], "UploadComplete").status_code == 400
    assert create(client).json()["id"] != job["id"]


def test_data_is_taken_once_and_only_while_open(client: Client) -> None:
    job_id = create(client).json()["id"]
    assert patch(client, job_id, "UploadComplete").status_code == 400
    assert put(client, job_id, "LastName\nSmit\n").status_code == 201
    assert "Found multiple contents" in put(client, job_id, "LastName\nSmit\n").json()[0]["message"]
    patch(client, job_id, "UploadComplete")
    assert put(client, job_id, "LastName\nSmit\n").status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"object": "Contact"},
        {**BY_ID, "object": "Nope"},
        {"object": "Contact", "operation": "upsert"},
        {"object": "Contact", "operation": "upsert", "externalIdFieldName": "Title"},
        {**BY_ID, "query": "x"},
    ],
)
def test_bad_job_is_refused(client: Client, body: dict[str, str]) -> None:
    answer = client.http.post(client.data + JOBS, json=body, timeout=10)
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] in ("INVALIDJOB", "JSON_PARSER_ERROR")


def test_data_has_to_say_that_it_is_csv(client: Client) -> None:
    job_id = create(client).json()["id"]
    answer = client.http.put(f"{client.data}{JOBS}/{job_id}/batches", json={}, timeout=10)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_job_belongs_to_its_version_and_goes_after_a_week(client: Client, org: Org, clock: Clock) -> None:
    job_id = create(client).json()["id"]
    assert client.http.get(f"{client.url}/services/data/v60.0{JOBS}/{job_id}", timeout=10).status_code == 409
    clock.move(days=7)
    client.http.headers["Authorization"] = f"Bearer {org.logins.with_app()}"
    assert client.get(f"{JOBS}/{job_id}").status_code == 404


def test_each_request_is_counted_and_journalled(client: Client, org: Org) -> None:
    before = org.usage.used
    job = finished(client, "LastName\nSmit\n")
    result(client, job, "failedResults")
    assert org.usage.used == before + 6
    assert org.journal.counts() == {
        "login": 1, "ingest_jobs": 1, "ingest_upload": 1, "ingest_job": 3, "ingest_results": 1,
    }  # fmt: skip
