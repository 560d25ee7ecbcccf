"""The REST surface: shapes, errors, limits, paging."""

import pytest
import requests

from standins.salesforce.org.org import Org
from standins.salesforce.people.seed import seed
from standins.salesforce.server import Server
from tests.standins.conftest import Client, Clock

LEAD_EMAIL = {
    "aggregatable": True,
    "byteLength": 240,
    "createable": True,
    "custom": False,
    "filterable": True,
    "groupable": True,
    "idLookup": True,
    "label": "Email",
    "length": 80,
    "nillable": True,
    "permissionable": True,
    "soapType": "xsd:string",
    "sortable": True,
    "type": "email",
    "unique": False,
    "updateable": True,
}
FIELD_KEYS = 57
OBJECT_KEYS = 45
FIELDS = {
    "Id": ("id", "tns:ID", 18, False, False, False),
    "IsDeleted": ("boolean", "xsd:boolean", 0, False, False, False),
    "LastName": ("string", "xsd:string", 80, True, True, False),
    "Name": ("string", "xsd:string", 121, False, False, False),
    "Description": ("textarea", "xsd:string", 32000, True, True, True),
    "SystemModstamp": ("datetime", "xsd:dateTime", 0, False, False, False),
    "OwnerId": ("reference", "tns:ID", 18, True, True, False),
}


@pytest.mark.parametrize("name", ["Lead", "Contact"])
def test_describe_has_the_recorded_shape(client: Client, name: str) -> None:
    described = client.get(f"/sobjects/{name}/describe").json()
    assert len(described) == OBJECT_KEYS
    assert (described["keyPrefix"], described["labelPlural"]) == {
        "Lead": ("00Q", "Leads"),
        "Contact": ("003", "Contacts"),
    }[name]
    fields = {field["name"]: field for field in described["fields"]}
    assert {len(field) for field in fields.values()} == {FIELD_KEYS}
    keys = ("type", "soapType", "length", "createable", "updateable", "nillable")
    assert {one: tuple(fields[one][key] for key in keys) for one in FIELDS} == FIELDS
    assert fields["Email"].items() >= LEAD_EMAIL.items()


def test_describe_lists_the_choices_of_a_picklist(client: Client) -> None:
    fields = {field["name"]: field for field in client.get("/sobjects/Lead/describe").json()["fields"]}
    first = {"active": True, "defaultValue": True, "label": "Open - Not Contacted", "validFor": None}
    assert fields["Status"]["picklistValues"][0] == first | {"value": "Open - Not Contacted"}


def test_hidden_field_is_neither_described_nor_found(client: Client, org: Org) -> None:
    org.hide_fields("Lead", "HasOptedOutOfEmail")
    names = [field["name"] for field in client.get("/sobjects/Lead/describe").json()["fields"]]
    assert "HasOptedOutOfEmail" not in names
    assert client.query("SELECT HasOptedOutOfEmail FROM Lead").json()[0]["errorCode"] == "INVALID_FIELD"


def test_record_has_the_recorded_shape(client: Client, org: Org) -> None:
    values = {"LastName": "de Vries", "FirstName": "Zoë 🌷", "Score__c": 5, "MailingCity": "Gent"}
    record_id = org.records.insert("Contact", values)
    answer = client.query("SELECT Id, Name, IsDeleted, Score__c, Email, CreatedDate, MailingAddress FROM Contact")
    address = dict.fromkeys(("street", "state", "postalCode", "country", "latitude", "longitude", "geocodeAccuracy"))
    assert answer.json() == {
        "totalSize": 1,
        "done": True,
        "records": [
            {
                "attributes": {"type": "Contact", "url": f"/services/data/v59.0/sobjects/Contact/{record_id}"},
                "Id": record_id,
                "Name": "Zoë 🌷 de Vries",
                "IsDeleted": False,
                "Score__c": 5.0,
                "Email": None,
                "CreatedDate": "2026-03-04T05:06:07.000+0000",
                "MailingAddress": address | {"city": "Gent"},
            }
        ],
    }


def test_pages_are_whole_and_stable_while_records_change(client: Client, org: Org) -> None:
    seed(org, 5000, contacts_only=True)
    page = client.query("SELECT Id, LastName FROM Contact", "queryAll").json()
    ids = [row["Id"] for row in page["records"]]
    assert (page["totalSize"], page["done"], len(ids)) == (5000, False, 2000)
    org.records.purge("Contact", "003Qy0000000003000"[:15])
    org.records.insert("Contact", {"LastName": "Later"})
    first_next = page["nextRecordsUrl"]
    while not page["done"]:
        page = client.http.get(client.url + page["nextRecordsUrl"], timeout=10).json()
        ids += [row["Id"] for row in page["records"]]
    assert len(set(ids)) == len(ids) == 5000
    again = client.http.get(client.url + first_next, timeout=10).json()["records"]
    assert [row["Id"] for row in again] == ids[2000:4000]


def test_dropped_cursor_is_an_invalid_locator(client: Client, org: Org) -> None:
    seed(org, 2500, contacts_only=True)
    page = client.query("SELECT Id FROM Contact", "queryAll").json()
    org.cursors.expire_all()
    answer = client.http.get(client.url + page["nextRecordsUrl"], timeout=10)
    assert (answer.status_code, answer.json()) == (
        400,
        [{"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}],
    )


def test_oldest_cursor_makes_room(client: Client, org: Org) -> None:
    seed(org, 2500, contacts_only=True)
    org.settings.max_cursors = 1
    urls = [client.query("SELECT Id FROM Contact", "queryAll").json()["nextRecordsUrl"] for _ in range(2)]
    assert [client.http.get(client.url + url, timeout=10).status_code for url in urls] == [400, 200]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("GET", "/sobjects/Nope/describe", 404, "NOT_FOUND"),
        ("GET", "/query", 400, "MALFORMED_QUERY"),
        ("GET", "/query/x", 400, "INVALID_QUERY_LOCATOR"),
        ("PUT", "/limits", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/../v30.0/limits", 410, "UNSUPPORTED_API_VERSION"),
        ("GET", "/../v99.0/limits", 404, "NOT_FOUND"),
    ],
)
def test_refusal_is_a_list_with_a_code(client: Client, method: str, path: str, status: int, code: str) -> None:
    url = client.data + path if not path.startswith("/..") else client.url + "/services/data" + path[3:]
    answer = client.http.request(method, url, timeout=10)
    assert answer.status_code == status
    assert [error["errorCode"] for error in answer.json()] == [code]
    assert answer.headers["Sforce-Limit-Info"].startswith("api-usage=")


def test_long_address_is_refused(client: Client) -> None:
    assert client.query("SELECT Id FROM Lead WHERE LastName = '" + "a" * 17_000 + "'").status_code == 414


def test_long_body_is_refused(client: Client, org: Org) -> None:
    org.settings.longest_body = 100
    for size, status in ((20, 400), (200, 413)):
        answer = client.http.post(f"{client.data}/composite", json={"compositeRequest": "x" * size}, timeout=10)
        assert answer.status_code == status


def test_no_session_is_no_entry(server: Server) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer "}):
        answer = requests.get(f"{server.url}/services/data/v59.0/limits", headers=headers, timeout=10)
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def test_every_request_but_a_login_counts(client: Client) -> None:
    assert client.get("/limits").headers["Sforce-Limit-Info"] == "api-usage=1/100000"
    assert client.get("/nothing").headers["Sforce-Limit-Info"] == "api-usage=2/100000"


def test_date_is_the_orgs_clock(client: Client) -> None:
    assert client.get("/limits").headers["Date"] == "Wed, 04 Mar 2026 05:06:07 GMT"


def test_used_up_allocation_refuses_until_a_day_later(client: Client, org: Org, clock: Clock) -> None:
    org.settings.daily_limit, org.settings.session_lifetime = 1, org.settings.session_lifetime * 100
    assert client.get("/limits").status_code == 200
    answer = client.get("/limits")
    assert (answer.status_code, answer.json()) == (
        403,
        [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}],
    )
    clock.move(hours=24)
    client.http.headers["Authorization"] = f"Bearer {org.logins.with_app()}"
    assert client.get("/limits").status_code == 200


def test_hourly_limit_blocks_for_hours(client: Client, org: Org, clock: Clock) -> None:
    org.settings.hourly_limit = 3
    assert [client.get("/limits").status_code for _ in range(3)] == [200, 200, 403]
    clock.move(hours=3, minutes=59)
    client.http.headers["Authorization"] = f"Bearer {org.logins.with_app()}"
    assert client.get("/limits").status_code == 403
    clock.move(minutes=1)
    assert client.get("/limits").status_code == 200


def test_journal_counts_at_the_server(client: Client, org: Org) -> None:
    client.get("/limits", headers={"User-Agent": "test/1"})
    client.query("SELECT Nope FROM Lead")
    assert org.journal.counts() == {"login": 1, "limits": 1, "query": 1}
    assert [(entry.status, entry.method) for entry in org.requests] == [(200, "POST"), (200, "GET"), (400, "GET")]
    assert org.requests[1].user_agent == "test/1"
