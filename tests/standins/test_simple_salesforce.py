"""An unmodified simple-salesforce takes the stand-in for an org."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceExpiredSession

from standins.salesforce.org.org import Org
from standins.salesforce.people.seed import seed
from standins.salesforce.server import Server


class _Loopback(HTTPAdapter):
    """Leads every host to the stand-in, since simple-salesforce always asks salesforce.com to log in."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *args: object, **options: object) -> requests.Response:
        assert request.url is not None
        request.url = self._url + request.url[len("https://") :].partition("/")[1] + request.url.split("/", 3)[3]
        return super().send(request, *args, **options)  # type: ignore[arg-type]


@pytest.fixture
def http(authority: trustme.CA, tls_server: Server, tmp_path: Path) -> Iterator[requests.Session]:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with requests.Session() as session:
        # Otherwise the environment's certificates would win.
        session.trust_env = False
        session.verify = str(tmp_path / "ca.pem")
        session.mount("https://login.salesforce.com", _Loopback(tls_server.url))
        yield session


@pytest.fixture
def salesforce(http: requests.Session, tls_server: Server) -> Any:
    session_id = tls_server.org.logins.with_app()
    return Salesforce(instance_url=tls_server.url, session_id=session_id, session=http)


def test_password_login_leads_to_the_stand_in(http: requests.Session, tls_server: Server) -> None:
    settings = tls_server.org.settings
    salesforce: Any = Salesforce(
        username=settings.username,
        password=settings.password,
        security_token=settings.security_token,
        session=http,
    )
    assert salesforce.sf_instance == f"127.0.0.1:{tls_server.port}"
    assert salesforce.limits()["DailyApiRequests"]["Max"] == 100_000


def test_wrong_password_is_an_authentication_failure(http: requests.Session, tls_server: Server) -> None:
    with pytest.raises(SalesforceAuthenticationFailed) as caught:
        Salesforce(username="x", password="y", security_token="z", session=http)
    assert caught.value.code == "INVALID_LOGIN"


def test_query_all_pages_through(salesforce: Any, org: Org) -> None:
    seed(org, 4500, contacts_only=True)
    answer = salesforce.query_all("SELECT Id, Email FROM Contact", include_deleted=True)
    assert len({row["Id"] for row in answer["records"]}) == answer["totalSize"] == 4500
    assert org.journal.counts() == {"query": 1, "query_more": 2}
    assert salesforce.api_usage["api-usage"].used == 3


def test_describe_names_the_fields(salesforce: Any) -> None:
    names = {field["name"] for field in salesforce.Contact.describe()["fields"]}
    assert {"Id", "Email", "Birthdate", "SystemModstamp", "Interests__c"} <= names
    listed = [one["name"] for one in salesforce.describe()["sobjects"]]
    assert listed == ["Lead", "Contact", "Account", "User", "Organization", "UserPermissionAccess"]


def test_bulk2_downloads_every_page(salesforce: Any, org: Org, tmp_path: Path) -> None:
    seed(org, 1200, contacts_only=True)
    org.settings.bulk_polls = 0
    soql = "SELECT Id, LastName, Description, MailingStreet FROM Contact"
    files = salesforce.bulk2.Contact.download(soql, path=str(tmp_path), max_records=500, wait=0)
    rows = []
    for one in files:
        with Path(one["file"]).open(encoding="utf-8", newline="") as lines:
            rows += list(csv.DictReader(lines))
    assert len({row["Id"] for row in rows}) == len(rows) == org.records.count("Contact")
    assert {"None", "NA", "null"} <= {row["LastName"] for row in rows}
    assert any("\n" in row["MailingStreet"] for row in rows)


def test_expired_session_is_recognised(salesforce: Any, org: Org) -> None:
    org.logins.expire_all()
    with pytest.raises(SalesforceExpiredSession):
        salesforce.limits()
