"""Parents of a record: accounts and owners in queries, and the org and its user as records."""

from typing import Any

import pytest

from standins.salesforce.errors import SalesforceError
from standins.salesforce.org.org import Org
from standins.salesforce.people.seed import seed
from tests.standins.conftest import Client

SOBJECTS = "/services/data/v59.0/sobjects"


@pytest.fixture
def people(org: Org) -> dict[str, str]:
    """Add an account with a boss and a clerk, and someone without an account; return their Ids by name."""
    values = {"Name": 'Bloem "& Zn."', "BillingCity": "Gent", "BillingCountry": "Belgium"}
    account = org.records.insert("Account", values)
    boss = org.records.insert("Contact", {"LastName": "Boss", "AccountId": account})
    clerk = org.records.insert("Contact", {"LastName": "Clerk", "AccountId": account, "ReportsToId": boss})
    return {
        "account": account,
        "boss": boss,
        "clerk": clerk,
        "free": org.records.insert("Contact", {"LastName": "Free"}),
    }


def record(answer: Any, last_name: str) -> dict[str, Any]:
    """Return the one record of that last name, without its attributes."""
    (found,) = (row for row in answer.json()["records"] if row["LastName"] == last_name)
    return {name: value for name, value in found.items() if name != "attributes"}


@pytest.mark.parametrize("resource", ["query", "queryAll"])
def test_parent_is_a_record_in_the_record(client: Client, people: dict[str, str], resource: str) -> None:
    answer = client.query("SELECT LastName, account.NAME, Account.BillingCity, Owner.Name FROM Contact", resource)
    owner = {"attributes": {"type": "User", "url": f"{SOBJECTS}/User/005Qy0000000001IAA"}, "Name": "Integration User"}
    account = {"type": "Account", "url": f"{SOBJECTS}/Account/{people['account']}"}
    assert record(answer, "Clerk") == {
        "LastName": "Clerk",
        "Account": {"attributes": account, "Name": 'Bloem "& Zn."', "BillingCity": "Gent"},
        "Owner": owner,
    }
    assert record(answer, "Free") == {"LastName": "Free", "Account": None, "Owner": owner}


def test_parent_of_a_parent_is_reached(client: Client, people: dict[str, str]) -> None:
    answer = client.query("SELECT LastName, ReportsTo.Account.Id, ReportsTo.Account.BillingAddress FROM Contact")
    reports_to = record(answer, "Clerk")["ReportsTo"]
    assert reports_to["attributes"]["url"] == f"{SOBJECTS}/Contact/{people['boss']}"
    assert reports_to["Account"]["Id"] == people["account"]
    assert reports_to["Account"]["BillingAddress"]["city"] == "Gent"
    assert record(answer, "Boss") == {"LastName": "Boss", "ReportsTo": None}


def test_parent_without_a_value_is_no_missing_parent(client: Client, people: dict[str, str]) -> None:
    account = record(client.query("SELECT LastName, Account.Website FROM Contact"), "Boss")["Account"]
    assert account["Website"] is None
    assert account["attributes"]["type"] == "Account"


def test_bulk_names_the_path_in_the_header(client: Client, people: dict[str, str]) -> None:
    soql = "SELECT LastName, account.name, ReportsTo.IsDeleted FROM Contact"
    answer = client.get(f"/jobs/query/{client.finished_bulk(soql, 'queryAll')}/results")
    assert answer.content.decode() == (
        '"LastName","Account.Name","ReportsTo.IsDeleted"\n'
        '"Boss","Bloem ""& Zn.""",""\n"Clerk","Bloem ""& Zn.""","false"\n"Free","",""\n'
    )


@pytest.mark.parametrize(
    ("rest", "names"),
    [
        ("WHERE Account.BillingCity = 'gent'", ["Boss", "Clerk"]),
        ("WHERE Account.BillingCity != 'Gent'", ["Free"]),
        ("WHERE NOT (account.Name LIKE 'Bloem%')", ["Free"]),
        ("WHERE Account.Name = null", ["Free"]),
        ("WHERE ReportsTo.LastName IN ('Boss') AND Owner.IsActive = true", ["Clerk"]),
        ("WHERE Account.SystemModstamp >= 2026-03-04T05:06:07Z", ["Boss", "Clerk"]),
        ("ORDER BY ReportsTo.LastName DESC NULLS LAST, LastName DESC", ["Clerk", "Free", "Boss"]),
    ],
)
def test_parent_chooses_and_orders(client: Client, people: dict[str, str], rest: str, names: list[str]) -> None:
    answer = client.query(f"SELECT LastName FROM Contact {rest}").json()  # noqa: S608 - SOQL
    assert [row["LastName"] for row in answer["records"]] == names
    counted = client.query(f"SELECT COUNT() FROM Contact {rest.partition('ORDER')[0]}").json()  # noqa: S608 - SOQL
    assert answer["totalSize"] == counted["totalSize"] == len(names)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("Acount.Name", "Didn't understand relationship 'Acount' in field path. If you are attempting to use a custom"),
        ("Account.Nope.Name", "Didn't understand relationship 'Nope' in field path."),
        ("AccountId.Name", "Didn't understand relationship 'AccountId' in field path."),
        (".".join(["ReportsTo"] * 6 + ["Id"]), "no more than 5 levels"),
        ("Account.Nope", "Column:8\nNo such column 'Nope' on entity 'Account'."),
        ("Account", "No such column 'Account' on entity 'Contact'."),
        ("Account.", "No such column '' on entity 'Account'."),
        ("Account.Name, account.name", "duplicate field selected: Account.Name"),
    ],
)
def test_path_to_nowhere_is_refused(org: Org, path: str, words: str) -> None:
    with pytest.raises(SalesforceError) as caught:
        org.query(f"SELECT {path} FROM Contact")  # noqa: S608 - SOQL
    assert words in caught.value.message


def test_owner_that_may_be_a_queue_is_a_name(client: Client, org: Org) -> None:
    org.records.insert("Lead", {"LastName": "Smit", "Company": "Fiets"})
    (row,) = client.query("SELECT Owner.Name FROM Lead").json()["records"]
    url = f"{SOBJECTS}/User/{org.user_id}"
    assert row["Owner"] == {"attributes": {"type": "Name", "url": url}, "Name": "Integration User"}
    refusal = client.query("SELECT Owner.CreatedDate FROM Lead").json()[0]
    assert "No such column 'CreatedDate' on entity 'Name'." in refusal["message"]


def test_hidden_reference_hides_the_parent(client: Client, org: Org) -> None:
    org.hide_fields("Contact", "AccountId")
    assert "relationship 'Account'" in client.query("SELECT Account.Name FROM Contact").json()[0]["message"]


def test_more_parents_than_salesforce_joins_are_refused(org: Org) -> None:
    steps = ("ReportsTo", "MasterRecord")
    paths = [f"{a}.{b}.{c}.{d}.{e}.Id" for a in steps for b in steps for c in steps for d in steps for e in steps]
    with pytest.raises(SalesforceError, match="no more than 55"):
        org.query(f"SELECT {', '.join(paths)} FROM Contact")  # noqa: S608 - SOQL


def test_describe_tells_where_a_reference_leads(client: Client) -> None:
    fields = {field["name"]: field for field in client.get("/sobjects/Contact/describe").json()["fields"]}
    leads_to = {name: (fields[name]["relationshipName"], fields[name]["referenceTo"]) for name in fields}
    assert (fields["AccountId"]["type"], leads_to["AccountId"]) == ("reference", ("Account", ["Account"]))
    assert leads_to["OwnerId"] == ("Owner", ["User"])
    assert leads_to["LastName"] == (None, [])


def test_pages_keep_their_parents(client: Client, org: Org) -> None:
    seed(org, 2500, contacts_only=True)
    page = client.query("SELECT AccountId, Account.Id, Account.Name FROM Contact", "queryAll").json()
    rows = page["records"]
    rows += client.http.get(client.url + page["nextRecordsUrl"], timeout=10).json()["records"]
    assert len(rows) == 2500
    assert [row["AccountId"] for row in rows] == [row["Account"] and row["Account"]["Id"] for row in rows]
    assert sum(row["Account"] is None for row in rows) == 250


def test_the_org_is_a_record_that_follows_its_settings(client: Client, org: Org) -> None:
    soql = "SELECT Id, Name, IsSandbox, InstanceName, OrganizationType FROM Organization LIMIT 1"
    (row,) = client.query(soql).json()["records"]
    assert row == {
        "attributes": {"type": "Organization", "url": f"{SOBJECTS}/Organization/{org.organization_id}"},
        "Id": org.organization_id,
        "Name": "Demo Org",
        "IsSandbox": False,
        "InstanceName": "DEMO1",
        "OrganizationType": "Enterprise Edition",
    }
    org.settings.sandbox, org.settings.organization_name = True, "Try-out"
    (row,) = client.query(soql).json()["records"]
    assert (row["Name"], row["IsSandbox"]) == ("Try-out", True)


def test_the_user_is_a_record(client: Client, org: Org) -> None:
    (row,) = client.query("SELECT Id, Name, Username, Email FROM User", "queryAll").json()["records"]
    del row["attributes"]
    username = org.settings.username
    assert row == {"Id": org.user_id, "Name": "Integration User", "Username": username, "Email": username}


def test_every_object_is_listed_and_described(client: Client) -> None:
    listed = {one["name"]: one for one in client.get("/sobjects").json()["sobjects"]}
    wanted = {"Account": ("001", True, True), "User": ("005", True, False), "Organization": ("00D", False, False)}
    for name, (prefix, createable, deletable) in wanted.items():
        described = client.get(f"/sobjects/{name}/describe").json()
        for answer in (listed[name], described):
            found = (answer["keyPrefix"], answer["createable"], answer["deletable"], answer["queryable"])
            assert found == (prefix, createable, deletable, True), name
        assert {"Id", "Name", "SystemModstamp"} <= {field["name"] for field in described["fields"]}, name
