"""What can be made to go wrong, and being told so from another process."""

import subprocess
import sys
from time import monotonic

import pytest
import requests

from standins.salesforce.http.faults import Fault
from standins.salesforce.ids import make_id
from standins.salesforce.org.org import Org
from standins.salesforce.people.seed import seed
from standins.salesforce.server import Server
from tests.standins.conftest import Client

SOQL = "SELECT Id, LastName FROM Contact"


def test_reset_cuts_before_the_work_is_done(client: Client, org: Org) -> None:
    org.faults.add(Fault("reset", method="POST", path="/jobs/query"))
    with pytest.raises(requests.ConnectionError, match="ConnectionReset"):
        client.bulk(SOQL)
    assert org.bulk_jobs.all() == []
    assert org.requests[-1].status == 0
    assert client.bulk(SOQL).status_code == 200


def test_lost_answer_leaves_the_work_done(client: Client, org: Org) -> None:
    org.faults.add(Fault("reset_after", method="POST", path="/jobs/query"))
    with pytest.raises(requests.ConnectionError):
        client.bulk(SOQL)
    assert len(org.bulk_jobs.all()) == 1


def test_truncated_answer_shows(client: Client, org: Org) -> None:
    org.faults.add(Fault("truncate", path="/limits"), Fault("truncate", path="/results"))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.get("/limits")
    seed(org, 1000)
    job_id = client.finished_bulk(SOQL)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.get(f"/jobs/query/{job_id}/results")
    assert client.get(f"/jobs/query/{job_id}/results").status_code == 200


def test_answers_that_are_no_json(client: Client, org: Org) -> None:
    for status in (500, 502, 503):
        org.faults.add(Fault("html", status=status), Fault("empty", status=status))
        page, empty = client.get("/limits"), client.get("/limits")
        assert (page.status_code, page.headers["Content-Type"]) == (status, "text/html;charset=UTF-8")
        assert "<html>" in page.text
        assert (empty.status_code, empty.content) == (status, b"")


def test_given_answer_at_the_nth_request_and_as_often_as_asked(client: Client, org: Org) -> None:
    body = [{"message": "unable to obtain exclusive access to this record", "errorCode": "UNABLE_TO_LOCK_ROW"}]
    org.faults.add(Fault("status", path="limits", nth=2, times=2, status=400, body=body))
    assert [client.get("/limits").status_code for _ in range(4)] == [200, 400, 400, 200]


def test_expired_session(client: Client, org: Org) -> None:
    org.faults.add(Fault("expire_session", path="query"))
    assert client.get("/limits").status_code == 200
    assert client.query(SOQL).status_code == 401
    assert client.get("/limits").status_code == 401


def test_delay_ends_when_the_server_stops(client: Client, org: Org, server: Server) -> None:
    org.faults.add(Fault("delay", seconds=60))
    begin = monotonic()
    with pytest.raises(requests.Timeout):
        client.http.get(client.data + "/limits", timeout=0.1)
    server.stop()
    assert monotonic() - begin < 5
    server.stop = lambda: None  # type: ignore[method-assign]


def test_control_is_closed_unless_opened(client: Client) -> None:
    assert client.http.get(client.url + "/__control", timeout=10).status_code == 404


def test_control_obeys(org: Org) -> None:
    with Server(org, control=True) as server:
        client = Client(server)
        orders = {
            "faults": [{"action": "empty", "path": "limits"}],
            "settings": {"bulk_polls": 0},
            "records": [["insert", "Contact", {"LastName": "Visser"}]],
        }
        done = client.http.post(server.url + "/__control", json=orders, timeout=10).json()["done"]
        assert client.get("/limits").status_code == 503
        assert org.settings.bulk_polls == 0
        assert org.records.get("Contact", done[2][0])["LastName"] == "Visser"
        wrong = client.http.post(server.url + "/__control", json={"records": [["close"]]}, timeout=10)
        assert wrong.status_code == 400
        client.close()


def test_control_can_spoil_writes(org: Org) -> None:
    record_id = org.records.insert("Contact", {"LastName": "Visser"})
    refusals = [{"keys": [record_id], "times": 2}, {"keys": ["K1"], "code": "SERVER_UNAVAILABLE"}]
    with Server(org, control=True) as server:
        client = Client(server)

        def order(**given: object) -> int:
            return client.http.post(server.url + "/__control", json=given, timeout=10).status_code

        assert order(refusals=refusals) == 200
        row = {"attributes": {"type": "Contact"}, "Id": record_id, "Title": "x"}
        url, body = f"{client.data}/composite/sobjects", {"records": [row]}
        assert not client.http.patch(url, json=body, timeout=10).json()[0]["success"]
        assert order(clear_refusals=None) == 200
        assert client.http.patch(url, json=body, timeout=10).json()[0]["success"]
        client.close()


def test_process_of_its_own_serves_seeded_people() -> None:
    command = [sys.executable, "-m", "standins.salesforce", "--records", "50", "--seed", "3", "--control"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        done = requests.post(url + "/__control", json={"records": [["get", "Lead", make_id("00Q", 1)]]}, timeout=10)
        process.terminate()
    assert done.json()["done"][0][0]["Id"] == make_id("00Q", 1)
    assert process.returncode == 0


@pytest.mark.parametrize("kind", ["salesforce", "deployteq"])
def test_process_ends_with_the_one_that_started_it(kind: str) -> None:
    """Also when that is killed: the system then closes the pipe."""
    command = [sys.executable, "-m", f"standins.{kind}", "--stop-with-parent", "--lively", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.stdin.close()
        assert process.wait(timeout=60) == 0
