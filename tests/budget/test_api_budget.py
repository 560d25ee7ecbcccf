"""The budget's page, what a run will take and whether it fits, and how flows behave when there is no room."""

import logging
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest
from prefect import flow
from pydantic import SecretStr

from blocks.api_budget import ApiBudget, load_budget
from blocks.salesforce_credentials import LoginKind, SalesforceCredentials
from crm_sync.budget.alerts_store import note_backlog
from crm_sync.budget.rules import Reservation
from crm_sync.database.tables.budget import alert
from crm_sync.database.tables.customers import sync_run
from crm_sync.errors import ConfigurationError, LimitReachedError
from crm_sync.sobject import SObject
from flows.api_budget import api_budget
from flows.check_connection import check_connection
from standins.salesforce.http.faults import Fault
from tasks.pages.alerts import raise_alerts
from tasks.run.forecasts import forecast_sync
from tasks.run.ledger import open_ledger
from tasks.run.run import open_run, utc_now
from tasks.run.waiting import Waiting
from tests.rigs.breakers import let_the_pause_pass
from tests.rigs.budget import fill
from tests.rigs.org import Rig, artifact

pytestmark = pytest.mark.flow

_DAY_IS_OVER = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
_OBJECTS = [SObject.CONTACT, SObject.LEAD]


def _fill(rig: Rig, requests: int, at: datetime) -> None:
    with closing(rig.customers.open()) as customers:
        fill(customers, requests, at, org=rig.salesforce.username, flow="another", status=200)


def _refresh(rig: Rig, **more: Any) -> str:
    said: str = api_budget(salesforce=rig.salesforce, database=rig.customers, **more)
    return said


def test_page_shows_use_by_flow_and_kind_the_org_and_the_logins_and_costs_no_request(rig: Rig) -> None:
    summary = rig.sync()
    assert "| full_sync | login | 1 | 1 |" in artifact("api-budget"), "every run refreshes it"

    said = _refresh(rig)

    assert len(rig.org.requests) == summary.requests_used

    assert said.startswith(f"Requests are within the limits: {summary.requests_used} of 3,600 requests in the last")
    page = artifact("api-budget")
    assert f"| full_sync | {summary.requests_used} |  | {summary.requests_used} |  |" in page
    assert "| withdrawals | 0 | 36 | 0 | 1,000 |" in page
    assert "| full_sync | bulk_job | 2 | 2 |" in page
    assert "The org as a whole, all programs: 9 of 100,000" in page
    assert f"{summary.requests_used:,} of 50,000" in page
    assert "Logins in the last 24 hours: 1." in page
    assert "| incremental_pull | 0 | 36 | 0 | 2,500 |" in page
    assert "█" in page
    assert rig.salesforce.username not in page


def test_closed_breaker_ends_the_next_run_before_its_first_request_and_opens_by_itself(both_rigs: Rig) -> None:
    rig = both_rigs
    rig.org.faults.add(Fault("status", path="/jobs/query", status=403, body=_DAY_IS_OVER))
    rig.state()
    asked = len(rig.org.requests)

    state = rig.state()

    assert (state.name, state.is_failed()) == ("CutByLimit", True)
    assert "nothing is sent before" in str(state.message)
    assert len(rig.org.requests) == asked
    assert "All requests are stopped" in artifact("api-budget")
    let_the_pause_pass(rig)
    rig.sync()
    assert "are stopped" not in artifact("api-budget")
    assert [row["state"] for row in rig.rows(sync_run)] == ["CutByLimit", "CutByLimit", "CompletedWithRejects"]


def test_breaker_alert_comes_on_once_and_goes_off_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.org.faults.add(Fault("status", path="/jobs/query", status=403, body=_DAY_IS_OVER))
    for _ in range(2):
        rig.state()
    assert caplog.text.count("Alert on: Salesforce has refused all requests") == 1
    assert [row["name"] for row in rig.rows(alert)] == ["breaker.all"]

    let_the_pause_pass(rig)
    for _ in range(2):
        rig.sync()

    assert caplog.text.count("Alert off:") == 1
    assert rig.rows(alert) == []


def test_failed_flow_raises_one_alert_until_a_run_succeeds(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    fails = True

    @flow(name="watched")
    def watched() -> None:
        if fails:
            raise ConfigurationError("Something has to change.")

    customers = rig.customers.open()

    def look() -> list[bool]:
        changes = raise_alerts(customers, "org", utc_now(), rejects_above=0, flows=["watched"])
        return [change.is_on for change in changes]

    found = [look()]
    for turn in range(4):
        fails = turn < 3
        watched(return_state=True)
        found.append(look())

    customers.close()
    assert found == [[], [True], [], [], [False]]


def test_backlog_that_grows_three_times_raises_an_alert(rig: Rig) -> None:
    customers = rig.customers.open()
    names = []
    for waiting in (0, 10, 20, 30, 40, 5):
        with customers.transaction() as connection:
            note_backlog(connection, "org", "contact moments", waiting, utc_now())
        names.append([change.name for change in raise_alerts(customers, "org", utc_now(), rejects_above=0)])
    customers.close()

    assert names == [[], [], [], ["backlog.contact moments"], [], ["backlog.contact moments"]]


def test_forecast_is_stored_with_the_run_and_near_what_it_takes(rig: Rig) -> None:
    _forecast(rig)

    assert rig.requests() == ["login", "record_count"]
    forecast = 2 + 2 * (1 + 2 + 1)
    assert [row["requests_forecast"] for row in rig.rows(sync_run)] == [forecast]
    # What a full sync with these two takes besides: two describes, a count, and one poll for each object here.
    assert abs(rig.sync().requests_used - forecast) <= 3


def test_saved_block_named_budget_counts_for_every_run(rig: Rig) -> None:
    block = ApiBudget(requests_per_hour=10, keep_for_pull=Reservation(hour=20), keep_for_push=Reservation())
    block.save("budget", overwrite=True)
    try:
        with pytest.raises(LimitReachedError, match="in the last hour"):
            rig.sync()
    finally:
        ApiBudget.delete("budget")
    assert len(rig.requests()) == 8

    # As with another Prefect server, which does not have the block: the database remembers what it said.
    with pytest.raises(LimitReachedError, match="in the last hour"):
        rig.sync()
    assert load_budget().requests_per_hour == 3600
    assert "of 10 |" in artifact("api-budget")


def test_requests_of_all_who_log_in_to_an_org_are_on_its_page(rig: Rig) -> None:
    app = SalesforceCredentials(
        login_with=LoginKind.CLIENT_CREDENTIALS,
        consumer_key="demo-consumer-key",
        consumer_secret=SecretStr("demo-consumer-secret"),
        my_domain="acme",
        endpoint_url=rig.server.url,
    )
    for credentials in (rig.salesforce, app):
        check_connection(credentials, rig.customers, rig.mapping)

    made = len(rig.org.requests)
    for credentials in (rig.salesforce, app):
        said = api_budget(salesforce=credentials, database=rig.customers)
        assert said.startswith(f"Requests are within the limits: {made} of 3,600 requests in the last hour")
    assert "Logins in the last 24 hours: 2." in artifact("api-budget")


def test_more_cannot_be_kept_than_there_is() -> None:
    with pytest.raises(ValueError, match="leave something for the others"):
        ApiBudget(keep_for_pull=Reservation(hour=50), keep_for_push=Reservation(hour=50))


def test_wait_is_said_after_a_few_seconds_and_then_every_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "prefect")
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    waiting = Waiting("the hour's budget", clock=lambda: now)
    waiting.sleep(4, sleep)
    assert caplog.text == ""
    waiting.sleep(130, sleep)

    assert now == 134
    said = [record.message for record in caplog.records]
    assert said == [f"Waiting for the hour's budget ({seconds} s so far)." for seconds in (9, 69, 129)]


def test_wait_for_the_hour_ends_when_there_is_room(rig: Rig) -> None:
    _fill(rig, 10, utc_now() - timedelta(hours=1) + timedelta(seconds=0.4))
    customers = rig.customers.open()
    block = ApiBudget(requests_per_hour=10, keep_for_pull=Reservation(), keep_for_push=Reservation())

    ledger = open_ledger(customers, rig.salesforce.org_key, "full_sync", utc_now, block)
    ledger.reserve("query", utc_now())

    customers.close()
    assert ledger.used == 1


@flow(name="forecast")
def _forecast(rig: Rig) -> None:
    with open_run("full_sync", rig.salesforce, rig.customers) as run:
        forecast_sync(run, _OBJECTS)
