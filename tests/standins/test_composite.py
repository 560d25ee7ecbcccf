"""Composite: many requests in one."""

from typing import Any
from urllib.parse import quote

import pytest
import requests

from standins.salesforce.http.faults import Fault
from standins.salesforce.org.org import Org
from standins.salesforce.people.seed import seed
from tests.standins.conftest import Client

BASE = "/services/data/v59.0"


def get(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"method": "GET", "referenceId": name, "url": BASE + path, **more}


def soql(name: str, query: str, resource: str = "query") -> dict[str, Any]:
    return get(name, f"/{resource}?q={quote(query)}")


def post(name: str, path: str, body: Any, method: str = "POST") -> dict[str, Any]:
    return {"method": method, "referenceId": name, "url": BASE + path, "body": body}


def composite(client: Client, *parts: dict[str, Any], **more: Any) -> requests.Response:
    return client.http.post(f"{client.data}/composite", json={"compositeRequest": parts, **more}, timeout=10)


def answers(client: Client, *parts: dict[str, Any], **more: Any) -> dict[str, dict[str, Any]]:
    answer = composite(client, *parts, **more)
    assert answer.status_code == 200, answer.text
    return {one.pop("referenceId"): one for one in answer.json()["compositeResponse"]}


def test_composite_of_queries_is_one_request(client: Client, org: Org) -> None:
    seed(org, 100)
    before = org.usage.used
    given = answers(client, soql("a", "SELECT COUNT() FROM Lead", "queryAll"), soql("b", "SELECT Id FROM XYZZY"))
    assert given["a"] == {
        "body": {"totalSize": 40, "done": True, "records": []},
        "httpHeaders": {},
        "httpStatusCode": 200,
    }
    assert given["b"]["httpStatusCode"] == 400
    assert given["b"]["body"][0]["errorCode"] == "INVALID_TYPE"
    assert org.usage.used == before + 1
    assert org.journal.counts() == {"login": 1, "composite": 1}


def test_subrequests_keep_their_order(client: Client) -> None:
    parts = [get(name, "/sobjects/Foo/describe") for name in ("c", "a", "b")]
    given = composite(client, *parts).json()["compositeResponse"]
    assert given == [
        {
            "body": [{"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"}],
            "httpHeaders": {},
            "httpStatusCode": 404,
            "referenceId": name,
        }
        for name in ("c", "a", "b")
    ]


def test_query_may_be_longer_than_an_address(client: Client, org: Org) -> None:
    record_id = org.records.insert("Lead", {"LastName": "Smit", "Company": "C"})
    names = ", ".join(f"'{n}@example.com'" for n in range(3000))
    given = answers(client, soql("a", f"SELECT Id FROM Lead WHERE Email IN ({names}) OR Id = '{record_id}'"))  # noqa: S608
    assert [row["Id"] for row in given["a"]["body"]["records"]] == [record_id]


def test_query_may_have_bare_spaces(client: Client, org: Org) -> None:
    org.records.insert("Account", {"Name": "Bloem"})
    given = answers(client, get("a", "/query?q=SELECT Name FROM Account LIMIT 1"))
    assert given["a"]["body"]["records"][0]["Name"] == "Bloem"


def test_next_pages_come_in_a_composite_too(client: Client, org: Org) -> None:
    seed(org, 5000, contacts_only=True)
    page = client.query("SELECT Id FROM Contact", "queryAll").json()
    first = page["nextRecordsUrl"]
    cursor = first.rsplit("-", 1)[0]
    parts = [{"method": "GET", "referenceId": f"p{n}", "url": f"{cursor}-{n}"} for n in (2000, 4000)]
    given = answers(client, *parts)
    assert [len(one["body"]["records"]) for one in given.values()] == [2000, 1000]


@pytest.mark.parametrize(
    ("count", "path", "code"),
    [
        (26, "/sobjects/Foo", "LIMIT_EXCEEDED"),
        (6, "/query?q=SELECT+Id+FROM+Lead", "LIMIT_EXCEEDED"),
        (6, "/queryAll?q=SELECT+Id+FROM+Lead", "LIMIT_EXCEEDED"),
        (6, "/query/01g000000000001AAA-2000", "LIMIT_EXCEEDED"),
        (6, "/composite/sobjects", "LIMIT_EXCEEDED"),
        (6, "/composite/sobjects/Lead/Email", "LIMIT_EXCEEDED"),
        (0, "", "INVALID_INPUT"),
    ],
)
def test_too_many_subrequests_are_refused_as_a_whole(client: Client, count: int, path: str, code: str) -> None:
    answer = composite(client, *(get(f"r{n}", path) for n in range(count)))
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_five_queries_and_twenty_others_are_allowed(client: Client) -> None:
    queries = [soql(f"q{n}", "SELECT Id FROM Lead") for n in range(5)]
    others = [get(f"o{n}", "/sobjects/Lead/describe") for n in range(20)]
    assert len(answers(client, *queries, *others)) == 25


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"method": "GET", "url": "/"}, "no referenceId"),
        ({"method": "GET", "url": "/", "referenceId": "a-b"}, "must start with a letter or a number"),
        ({"method": "GET", "url": "/", "referenceId": "a", "extra": 1}, "Unrecognized field"),
    ],
)
def test_malformed_subrequest_fails_the_whole(client: Client, part: dict[str, Any], message: str) -> None:
    answer = composite(client, part)
    assert answer.status_code == 400
    assert message in answer.json()[0]["message"]


def test_same_reference_twice_is_refused(client: Client) -> None:
    answer = composite(client, soql("a", "SELECT Id FROM Lead"), soql("a", "SELECT Id FROM Lead"))
    assert answer.status_code == 400
    assert answer.json()[0]["message"] == "Duplicate ReferenceId provided in the request."


def test_later_subrequest_takes_a_value_from_an_earlier_one(client: Client, org: Org) -> None:
    given = answers(
        client,
        post("account", "/sobjects/Account", {"Name": "Bloem"}),
        post("contact", "/sobjects/Contact", {"LastName": "Smit", "AccountId": "@{account.id}"}),
        get("read", "/query?q=SELECT+AccountId+FROM+Contact+WHERE+Id='@{contact.id}'"),
        get("again", "/query?q=SELECT+LastName+FROM+Contact+WHERE+AccountId='@{read.records[0].AccountId}'"),
    )
    assert given["account"]["httpStatusCode"] == 201
    account_id = given["account"]["body"]["id"]
    assert given["account"]["httpHeaders"] == {"Location": f"{BASE}/sobjects/Account/{account_id}"}
    assert given["read"]["body"]["records"][0]["AccountId"] == account_id
    assert given["again"]["body"]["records"][0]["LastName"] == "Smit"


def test_reference_without_a_meaning_fails_its_subrequest_only(client: Client) -> None:
    given = answers(
        client,
        soql("none", "SELECT Id FROM Lead"),
        get("broken", "/sobjects/@{none.records[0].Id}/describe"),
        soql("after", "SELECT Id FROM Lead"),
    )
    assert given["broken"]["httpStatusCode"] == 400
    assert given["broken"]["body"] == [
        {
            "message": "Invalid reference specified. No value for none.records[0].Id found in none",
            "errorCode": "PROCESSING_HALTED",
        }
    ]
    assert given["after"]["httpStatusCode"] == 200


def test_what_is_to_be_undone_as_a_whole_is_refused_and_not_half_done(client: Client, org: Org) -> None:
    rows = [{"attributes": {"type": "Contact"}, "LastName": "Smit"}]
    for method, path, body in (("POST", "", {"compositeRequest": []}), ("PATCH", "/sobjects", {"records": rows})):
        whole = {**body, "allOrNone": True}
        answer = client.http.request(method, f"{client.data}/composite{path}", json=whole, timeout=10)
        assert (answer.status_code, answer.json()[0]["message"]) == (400, "The stand-in does not know allOrNone")
    assert org.records.count("Contact") == 0


def test_bulk_and_logins_are_no_subrequests(client: Client) -> None:
    given = answers(client, get("a", "/jobs/query"), get("b", "/composite"), get("c", "/limits"))
    assert {one["httpStatusCode"] for one in given.values()} == {404}


def test_fault_can_hit_one_subrequest(client: Client, org: Org) -> None:
    body = [{"message": "too long", "errorCode": "QUERY_TIMEOUT"}]
    org.faults.add(Fault("status", path="queryAll", nth=2, status=400, body=body, inner=True))
    given = answers(client, *(soql(name, "SELECT Id FROM Lead", "queryAll") for name in ("a", "b", "c")))
    assert [one["httpStatusCode"] for one in given.values()] == [200, 400, 200]
    assert given["b"]["body"] == body


def test_subrequest_cannot_reset_the_connection() -> None:
    with pytest.raises(ValueError, match="only fail with a status"):
        Fault("reset", inner=True)


def test_faults_expiry_and_limit_hit_the_whole(client: Client, org: Org) -> None:
    part = soql("a", "SELECT Id FROM Lead")
    org.faults.add(Fault("html", path="composite"))
    assert composite(client, part).headers["Content-Type"] == "text/html;charset=UTF-8"
    org.settings.daily_limit = org.usage.used
    assert composite(client, part).status_code == 403
    org.logins.expire_all()
    assert composite(client, part).status_code == 401
