"""An org and a server for each test, and clients for them."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
import trustme

from standins.salesforce.org.org import Org
from standins.salesforce.server import Server

LOGIN = (
    '<?xml version="1.0" encoding="utf-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
    '<n1:login xmlns:n1="urn:partner.soap.sforce.com"><n1:username>{}</n1:username><n1:password>{}</n1:password>'
    "</n1:login></e:Body></e:Envelope>"
)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        """Start on a day in 2026."""
        self.now = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def move(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)


class Client:
    """A plain HTTP client of one server, logged in."""

    def __init__(self, server: Server) -> None:
        """Log in with the org's own password."""
        self.url = server.url
        self.data = f"{server.url}/services/data/v59.0"
        self.http = requests.Session()
        settings = server.org.settings
        answer = self.login(settings.username, settings.password + settings.security_token)
        self.session_id = answer.text.split("<sessionId>")[1].split("<")[0]
        self.http.headers["Authorization"] = f"Bearer {self.session_id}"

    def login(self, username: str, password: str, version: str = "59.0") -> requests.Response:
        """Call login() and return the answer as it is."""
        body = LOGIN.format(username, password)
        return self.http.post(f"{self.url}/services/Soap/u/{version}", body, timeout=10)

    def get(self, path: str, **options: object) -> requests.Response:
        """GET a data resource."""
        return self.http.get(self.data + path, timeout=10, **options)  # type: ignore[arg-type]

    def query(self, soql: str, resource: str = "query") -> requests.Response:
        """Run a query."""
        return self.get(f"/{resource}", params={"q": soql})

    def bulk(self, soql: str, operation: str = "query", **more: str) -> requests.Response:
        """Create a Bulk query job."""
        body = {"operation": operation, "query": soql, **more}
        return self.http.post(f"{self.data}/jobs/query", json=body, timeout=10)

    def finished_bulk(self, soql: str, operation: str = "query", **more: str) -> str:
        """Create a Bulk query job, wait for it, and return its Id."""
        job_id: str = self.bulk(soql, operation, **more).json()["id"]
        while self.get(f"/jobs/query/{job_id}").json()["state"] != "JobComplete":
            pass
        return job_id

    def close(self) -> None:
        """Close the connection."""
        self.http.close()


@pytest.fixture
def clock() -> Clock:
    """Return a clock that the test moves."""
    return Clock()


@pytest.fixture
def org(clock: Clock) -> Iterator[Org]:
    """Yield an org without records."""
    with Org(clock=clock) as made:
        yield made


@pytest.fixture
def server(org: Org) -> Iterator[Server]:
    """Yield a plain server."""
    with Server(org) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """Yield a client that is logged in."""
    made = Client(server)
    yield made
    made.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return a certificate authority of our own."""
    return trustme.CA()


@pytest.fixture
def tls_server(org: Org, authority: trustme.CA) -> Iterator[Server]:
    """Yield a server with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    with Server(org, tls=context) as started:
        yield started
