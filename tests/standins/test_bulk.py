"""Bulk API 2.0 query: jobs, pages, CSV."""

import csv
import io
from typing import Any

import pytest

from standins.salesforce.org.org import Org
from standins.salesforce.people.seed import seed
from tests.standins.conftest import Client, Clock

SOQL = "SELECT Id, LastName FROM Contact"


def results(client: Client, job_id: str, **params: str) -> tuple[list[list[str]], str]:
    """Return a page's rows and the next locator."""
    answer = client.get(f"/jobs/query/{job_id}/results", params=params)
    assert answer.status_code == 200
    rows = list(csv.reader(io.StringIO(answer.content.decode(), newline="")))
    assert len(rows) - 1 == int(answer.headers["Sforce-NumberOfRecords"])
    return rows, answer.headers["Sforce-Locator"]


def test_new_job_has_the_recorded_shape(client: Client) -> None:
    job: dict[str, Any] = client.bulk(SOQL, "queryAll").json()
    assert (job.pop("id")[:3], job.pop("createdById")[:3]) == ("750", "005")
    assert job == {
        "operation": "queryAll",
        "object": "Contact",
        "createdDate": "2026-03-04T05:06:07.000+0000",
        "systemModstamp": "2026-03-04T05:06:07.000+0000",
        "state": "UploadComplete",
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": 59.0,
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    }


def test_job_is_done_after_the_set_number_of_polls(client: Client, org: Org) -> None:
    org.settings.bulk_polls = 2
    url = f"/jobs/query/{client.bulk(SOQL).json()['id']}"
    assert [client.get(url).json()["state"] for _ in range(3)] == ["InProgress", "InProgress", "JobComplete"]


def test_csv_is_written_as_salesforce_writes_it(client: Client, org: Org) -> None:
    values = {"LastName": 'say "hi", 山田', "Description": "a\r\nb", "Score__c": 5, "Birthdate": "1990-02-28"}
    record_id = org.records.insert("Contact", values)
    soql = "select lastname, Id, Description, Score__c, IsDeleted, Email, CreatedDate, Birthdate FROM Contact"
    answer = client.get(f"/jobs/query/{client.finished_bulk(soql)}/results")
    assert answer.headers["Content-Type"] == "text/csv; charset=UTF-8"
    assert answer.content.decode() == (
        '"LastName","Id","Description","Score__c","IsDeleted","Email","CreatedDate","Birthdate"\n'
        f'"say ""hi"", 山田","{record_id}","a\r\nb","5.0","false","","2026-03-04T05:06:07.000Z","1990-02-28"\n'
    )


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_pages_are_whole_and_may_be_read_again(client: Client, org: Org, encoding: str) -> None:
    seed(org, 2500, contacts_only=True)
    client.http.headers["Accept-Encoding"] = encoding
    job_id = client.finished_bulk(SOQL, "queryAll")
    org.records.purge("Contact", "003Qy0000000001")
    seen, locators = [], [""]
    while locators[-1] != "null":
        rows, locator = results(client, job_id, maxRecords="1000", locator=locators[-1])
        assert rows[0] == ["Id", "LastName"]
        seen += [row[0] for row in rows[1:]]
        locators.append(locator)
    assert len(seen) == len(set(seen)) == 2500
    assert [row[0] for row in results(client, job_id, maxRecords="1000", locator=locators[1])[0][1:]] == seen[1000:2000]


def test_server_caps_the_page(client: Client, org: Org) -> None:
    seed(org, 100, contacts_only=True)
    org.settings.bulk_max_records = 30
    rows, locator = results(client, client.finished_bulk(SOQL, "queryAll"), maxRecords="100000")
    assert (len(rows), locator) == (31, "MzA")


def test_empty_result_is_a_header(client: Client) -> None:
    assert results(client, client.finished_bulk(SOQL)) == ([["Id", "LastName"]], "null")


@pytest.mark.parametrize("status", [412, 204])
def test_results_too_early(client: Client, org: Org, status: int) -> None:
    org.settings.bulk_too_early_status = status
    answer = client.get(f"/jobs/query/{client.bulk(SOQL).json()['id']}/results")
    assert answer.status_code == status
    if status == 412:
        assert answer.json() == [
            {
                "errorCode": "JOB_NOT_COMPLETE",
                "message": "can only download query results of successfully completed bulk job with status: "
                "JOB_COMPLETE. Current status: UPLOAD_COMPLETE",
            }
        ]


@pytest.mark.parametrize(
    ("soql", "message"),
    [
        ("SELECT MailingAddress FROM Contact", "Selecting compound data not supported in Bulk Query"),
        ("SELECT Account.BillingAddress FROM Contact", "Selecting compound data not supported in Bulk Query"),
        ("SELECT COUNT() FROM Contact", "Aggregate Relationships not supported in Bulk Query"),
    ],
)
def test_what_bulk_cannot_do_is_refused(client: Client, soql: str, message: str) -> None:
    answer = client.bulk(soql)
    assert (answer.status_code, answer.json()) == (400, [{"errorCode": "API_ERROR", "message": message}])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"operation": "query", "query": "SELECT Nope FROM Lead"}, "INVALID_FIELD"),
        ({"operation": "query", "query": "SELECT"}, "MALFORMED_QUERY"),
        ({"operation": "query", "query": SOQL, "object": "Contact"}, "JSON_PARSER_ERROR"),
        ({"operation": "insert", "query": SOQL}, "INVALIDJOB"),
        ({"operation": "query"}, "INVALIDJOB"),
        ({"operation": "query", "query": SOQL, "columnDelimiter": "PIPE"}, "INVALIDJOB"),
        ({"operation": "query", "query": SOQL, "lineEnding": "CRLF"}, "INVALIDJOB"),
        ({"operation": "query", "query": SOQL, "contentType": "XML"}, "INVALIDJOB"),
        ([], "JSON_PARSER_ERROR"),
    ],
)
def test_bad_job_is_refused(client: Client, body: object, code: str) -> None:
    answer = client.http.post(f"{client.data}/jobs/query", json=body, timeout=10)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def bulk_records(client: Client, soql: str, operation: str = "queryAll") -> dict[str, tuple[str, ...]]:
    """Return the other values of each row by its Id."""
    rows, _ = results(client, client.finished_bulk(soql, operation))
    return {row[0]: tuple(row[1:]) for row in rows[1:]}


def test_query_all_shows_deleted_and_merged_but_not_purged(client: Client, org: Org, clock: Clock) -> None:
    master, loser, deleted, purged = (org.records.insert("Contact", {"LastName": name}) for name in "ABCD")
    clock.move(hours=1)
    org.records.merge("Contact", master, loser)
    org.records.delete("Contact", deleted)
    org.records.purge("Contact", purged)
    now = "2026-03-04T06:06:07.000Z"
    soql = "SELECT Id, IsDeleted, MasterRecordId, SystemModstamp FROM Contact"
    assert bulk_records(client, soql) == {
        master: ("false", "", now),
        loser: ("true", master, now),
        deleted: ("true", "", now),
    }
    assert bulk_records(client, soql, "query") == {master: ("false", "", now)}


def test_converted_lead_names_its_contact_and_account(client: Client, org: Org) -> None:
    lead_id = org.records.insert("Lead", {"LastName": "Smit", "Company": "Fiets"})
    contact_id = org.records.convert(lead_id)
    account_id = org.records.get("Contact", contact_id)["AccountId"]
    soql = "SELECT Id, IsConverted, Status, ConvertedContactId, ConvertedAccountId, ConvertedAccount.Name FROM Lead"
    assert bulk_records(client, soql) == {lead_id: ("true", "Closed - Converted", contact_id, account_id, "Fiets")}


def test_failed_job_says_why(client: Client, org: Org) -> None:
    org.bulk_jobs.fail_next("Retried more than fifteen times")
    org.settings.bulk_polls = 0
    job_id = client.bulk(SOQL).json()["id"]
    job = client.get(f"/jobs/query/{job_id}").json()
    assert (job["state"], job["errorMessage"]) == ("Failed", "Retried more than fifteen times")
    assert client.get(f"/jobs/query/{job_id}/results").status_code == 412


def test_job_is_aborted_once(client: Client) -> None:
    url = f"{client.data}/jobs/query/{client.bulk(SOQL).json()['id']}"
    assert client.http.patch(url, json={"state": "Aborted"}, timeout=10).json()["state"] == "Aborted"
    assert client.http.patch(url, json={"state": "Aborted"}, timeout=10).status_code == 400


def test_job_expires(client: Client, org: Org, clock: Clock) -> None:
    job_id = client.finished_bulk(SOQL)
    clock.move(days=7)
    client.http.headers["Authorization"] = f"Bearer {org.logins.with_app()}"
    answer = client.get(f"/jobs/query/{job_id}/results")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_job_is_read_with_its_own_version(client: Client) -> None:
    job_id = client.finished_bulk(SOQL)
    other = client.http.get(f"{client.url}/services/data/v60.0/jobs/query/{job_id}/results", timeout=10)
    assert other.status_code == 409


@pytest.mark.parametrize("locator", ["null", "x", "LTE", "OTk5OTk5", "MTA=", "é"])
def test_locator_of_no_page_is_refused(client: Client, org: Org, locator: str) -> None:
    seed(org, 50, contacts_only=True)
    job_id = client.finished_bulk(SOQL, "queryAll")
    answer = client.get(f"/jobs/query/{job_id}/results", params={"locator": locator})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")


def test_day_has_a_number_of_jobs(client: Client, org: Org) -> None:
    org.settings.bulk_jobs_per_day = 1
    client.bulk(SOQL)
    message = "Max bulk v2 query jobs (1) per 24 hrs has been reached (1)"
    assert client.bulk(SOQL).json() == [{"errorCode": "LIMIT_EXCEEDED", "message": message}]
