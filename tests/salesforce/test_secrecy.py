"""No secret and no person gets into a repr, an exception, a warning or a log."""

import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from crm_sync.errors import SyncError
from crm_sync.requests import RequestKind
from crm_sync.salesforce.login.logins import ClientCredentialsLogin
from crm_sync.salesforce.read.bulk_query import create_query_job, read_job
from standins.salesforce.http.faults import Fault
from tests.salesforce.conftest import PASSWORD, TOKEN, Rig, user_login

PERSON = "ada.lovelace@acme.example"
SOQL = "SELECT Id, Foo FROM Lead WHERE Email = 'ada.lovelace@acme.example' AND Foo__c = 'Lovelace'"


def bad_query(rig: Rig) -> None:
    rig.org.request("GET", "query", RequestKind.QUERY, params={"q": SOQL})


def library_query(rig: Rig) -> None:
    rig.org.ask(lambda client: client.query(SOQL))


def bulk_query(rig: Rig) -> None:
    create_query_job(rig.org, SOQL)


def reset_query(rig: Rig) -> None:
    rig.standin.faults.add(Fault("reset", path="/query"))
    bad_query(rig)


def echoing_refusal(rig: Rig) -> None:
    body = [{"errorCode": PERSON, "message": f"bad {PERSON} 'Lovelace'"}]
    rig.standin.faults.add(Fault("status", path="/query", status=400, body=body))
    bad_query(rig)


def truncated_json(rig: Rig) -> None:
    rig.standin.faults.add(Fault("truncate", path="/query", keep=5))
    rig.org.ask(lambda client: client.query("SELECT Id FROM Lead"))


def wrong_password(rig: Rig) -> None:
    rig.another_org(user_login(security_token="")).ask(lambda client: client.limits())


def failed_job(rig: Rig) -> None:
    rig.standin.bulk_jobs.fail_next(f"{PERSON} 'Lovelace'")
    job_id = create_query_job(rig.org, "SELECT Id FROM Lead").id
    for _ in range(3):
        read_job(rig.org, job_id)


def wrong_client(rig: Rig) -> None:
    login = ClientCredentialsLogin("demo-consumer-key", "wrong-consumer-secret", "acme")
    rig.another_org(login).ask(lambda client: client.limits())


ACTS: list[Callable[[Rig], None]] = [
    bad_query,
    library_query,
    bulk_query,
    reset_query,
    echoing_refusal,
    truncated_json,
    wrong_password,
    failed_job,
    wrong_client,
]


def everything_shown(error: BaseException) -> str:
    shown = ["".join(traceback.format_exception(error))]
    link: BaseException | None = error
    while link is not None:
        shown += [repr(link), str(link), repr(link.args), repr(vars(link))]
        link = link.__cause__ or link.__context__
    return "\n".join(shown)


@pytest.mark.parametrize("act", ACTS)
def test_failure_shows_no_secret_and_no_person(
    rig: Rig, caplog: pytest.LogCaptureFixture, act: Callable[[Rig], Any]
) -> None:
    caplog.set_level(logging.DEBUG)
    # urllib3's own DEBUG lines hold the address that was asked; they are off unless someone asks for them.
    caplog.set_level(logging.INFO, logger="urllib3")
    with pytest.raises(SyncError) as caught:
        act(rig)
    session = rig.store.session
    shown = everything_shown(caught.value) + caplog.text + repr(vars(rig.org)) + repr(session)
    # The traceback quotes this file's source lines, so only values that stand in none of them are looked for.
    secrets = [PASSWORD, TOKEN, PERSON, session.session_id if session else PASSWORD]
    assert [secret for secret in secrets if secret in shown] == []
