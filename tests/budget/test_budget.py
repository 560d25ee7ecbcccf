"""Who may make how many requests: the hour, our share of the day, the org's day, and what is kept for whom."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from crm_sync.budget.figures import bulk_polls_of_a_job, forget_old_requests, read_figures, save_forecast
from crm_sync.budget.forecast import Begun, forecast_full_sync
from crm_sync.budget.ledger import RequestLedger
from crm_sync.budget.rules import BudgetRules, Kept
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import request_ledger
from crm_sync.errors import LimitReachedError
from crm_sync.requests import ApiUsage
from crm_sync.runs.history import end_run, start_run
from crm_sync.sobject import SObject

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SHARED = BudgetRules(
    per_hour=100,
    kept={"incremental_pull": Kept(hour=0.02, day=0.05), "campaign_push": Kept(hour=0.03, day=0.1)},
)


def ledger(database: CustomerDatabase, flow: str, rules: BudgetRules = SHARED, **more: Any) -> RequestLedger:
    return RequestLedger(database, org="org", flow=flow, rules=rules, **more)


def spend(spender: RequestLedger, at: datetime = NOON) -> int:
    """Make requests until they are refused, and return how many there were."""
    for made in range(10_000):
        try:
            spender.reserve("query", at)
        except LimitReachedError:
            return made
    raise AssertionError("nobody refuses")


def fill(database: CustomerDatabase, requests: int, at: datetime, flow: str = "full_sync", **more: Any) -> None:
    row = {"org": "org", "at": at, "flow": flow, "kind": "query", **more}
    with database.transaction() as connection:
        connection.execute(insert(request_ledger), [row] * requests)


def org_said(database: CustomerDatabase, usage: ApiUsage, at: datetime = NOON, flow: str = "check_connection") -> None:
    """Let one answer tell the use of the org."""
    asked = ledger(database, flow, clock=lambda: at)
    asked.settle(asked.reserve("limits", at), 200, usage)


def test_background_leaves_the_pull_and_the_push_their_hour(database: CustomerDatabase) -> None:
    used = {flow: spend(ledger(database, flow)) for flow in ("full_sync", "contact_moment_export")}
    used |= {flow: spend(ledger(database, flow)) for flow in ("incremental_pull", "campaign_push")}

    assert used == {"full_sync": 95, "contact_moment_export": 0, "incremental_pull": 2, "campaign_push": 3}


def test_what_a_flow_has_used_of_its_share_is_not_kept_again(database: CustomerDatabase) -> None:
    for _ in range(2):
        ledger(database, "incremental_pull").reserve("query", NOON)
    assert spend(ledger(database, "full_sync")) == 95


def test_flow_with_a_share_may_use_what_nobody_needs(database: CustomerDatabase) -> None:
    assert spend(ledger(database, "campaign_push")) == 98


def test_outputs_that_are_sent_again_use_what_is_kept_for_the_push(database: CustomerDatabase) -> None:
    spend(ledger(database, "full_sync"))

    assert spend(ledger(database, "retry_outputs")) == 3
    assert spend(ledger(database, "campaign_push")) == 0
    assert spend(ledger(database, "incremental_pull")) == 2


def test_flow_without_a_share_is_told_for_whom_the_rest_is_kept_and_until_when(database: CustomerDatabase) -> None:
    fill(database, 50, NOON - timedelta(minutes=50))
    fill(database, 45, NOON - timedelta(minutes=20))
    with pytest.raises(LimitReachedError, match="the rest kept for campaign_push and incremental_pull") as refused:
        ledger(database, "full_sync").reserve("query", NOON)
    assert refused.value.until == NOON + timedelta(minutes=10)


def test_share_of_the_day_is_of_what_salesforce_allows_the_org(database: CustomerDatabase) -> None:
    org_said(database, ApiUsage(used=10, allowed=100))
    # 50 are ours; 1 is used, 5 are kept for the push and 3 (of 2.5, rounded to even 2) for the pull.
    assert spend(ledger(database, "contact_moment_export")) == 50 - 1 - 5 - 2
    assert spend(ledger(database, "campaign_push")) == 5
    assert spend(ledger(database, "incremental_pull")) == 2
    with pytest.raises(LimitReachedError, match="50 are this integration's share") as refused:
        ledger(database, "incremental_pull").reserve("query", NOON)
    assert refused.value.until == NOON + timedelta(hours=24)


def test_yesterdays_requests_are_over(database: CustomerDatabase) -> None:
    org_said(database, ApiUsage(used=10, allowed=100))
    fill(database, 49, NOON - timedelta(hours=23, minutes=59))
    with pytest.raises(LimitReachedError):
        ledger(database, "incremental_pull").reserve("query", NOON)
    assert spend(ledger(database, "campaign_push"), NOON + timedelta(minutes=2)) > 0


@pytest.mark.parametrize(
    "usage",
    [
        ApiUsage(used=80, allowed=100),
        ApiUsage(used=10, allowed=1000, app_used=250, app_allowed=250),
        ApiUsage(used=10, allowed=1000, is_bursting=True),
    ],
)
def test_nothing_is_sent_when_the_org_as_a_whole_has_used_too_much(database: CustomerDatabase, usage: ApiUsage) -> None:
    org_said(database, usage)
    with pytest.raises(LimitReachedError, match="all programs together") as refused:
        ledger(database, "campaign_push").reserve("query", NOON)
    assert refused.value.until == NOON + timedelta(minutes=15)


def test_one_request_in_a_quarter_of_an_hour_asks_how_much_the_org_has_used(database: CustomerDatabase) -> None:
    org_said(database, ApiUsage(used=95, allowed=100))
    later = NOON + timedelta(minutes=15)
    asking = ledger(database, "incremental_pull", clock=lambda: later)
    number = asking.reserve("query", later)
    with pytest.raises(LimitReachedError):
        ledger(database, "campaign_push").reserve("query", later)

    asking.settle(number, 200, ApiUsage(used=20, allowed=100))

    ledger(database, "campaign_push").reserve("query", later)


def test_push_and_pull_go_on_when_the_background_has_to_stop_for_the_org(database: CustomerDatabase) -> None:
    # Of the org's 80, which stop everybody, 5 are kept for the push and 2 for the pull.
    org_said(database, ApiUsage(used=73, allowed=100))
    with pytest.raises(LimitReachedError):
        ledger(database, "full_sync").reserve("query", NOON)
    ledger(database, "incremental_pull").reserve("query", NOON)
    ledger(database, "campaign_push").reserve("query", NOON)


def test_full_hour_is_waited_for_without_a_transaction(database: CustomerDatabase) -> None:
    fill(database, 100, NOON)
    now = NOON + timedelta(minutes=55)
    waited_until = []

    def wait(refusal: LimitReachedError) -> bool:
        nonlocal now
        # Would wait for ever, if the ledger's own transaction were open.
        fill(database, 1, NOON, flow="another")
        waited_until.append(refusal.until)
        now = refusal.until or now
        return True

    spender = ledger(database, "full_sync", clock=lambda: now, wait=wait)
    spender.reserve("query", now)

    assert waited_until == [NOON + timedelta(hours=1)]


def test_wait_that_is_too_long_ends_in_the_refusal(database: CustomerDatabase) -> None:
    fill(database, 100, NOON)
    spender = ledger(database, "full_sync", clock=lambda: NOON, wait=lambda refusal: False)
    with pytest.raises(LimitReachedError, match="100 are allowed"):
        spender.reserve("query", NOON)


def test_closed_breaker_is_not_waited_for(database: CustomerDatabase) -> None:
    spender = ledger(database, "full_sync", clock=lambda: NOON, wait=lambda refusal: pytest.fail("waited"))
    spender.limit_reached("query", LimitReachedError("Over.", code="REQUEST_LIMIT_EXCEEDED"), NOON)
    with pytest.raises(LimitReachedError):
        spender.reserve("query", NOON)


def test_request_counts_from_its_answer_on(database: CustomerDatabase) -> None:
    """Salesforce may have counted it at any moment until then."""
    now = NOON
    slow = ledger(database, "full_sync", BudgetRules(per_hour=1, kept={}), clock=lambda: now)
    number = slow.reserve("query", now)
    now = NOON + timedelta(minutes=2)
    slow.settle(number, 200, None)

    with pytest.raises(LimitReachedError):
        slow.reserve("query", NOON + timedelta(minutes=61))
    slow.reserve("query", NOON + timedelta(minutes=62))


def test_room_is_what_a_run_may_still_make(database: CustomerDatabase) -> None:
    asking = ledger(database, "full_sync")
    assert (asking.room(NOON).hour, asking.room(NOON).day) == (95, None)
    org_said(database, ApiUsage(used=10, allowed=100))
    assert (asking.room(NOON).hour, asking.room(NOON).day) == (94, 50 - 1 - 7)
    spend(asking)
    assert (asking.room(NOON).hour, asking.room(NOON).day) == (52, 0)


def test_old_figures_of_the_org_leave_room_to_ask_anew(database: CustomerDatabase) -> None:
    org_said(database, ApiUsage(used=95, allowed=100))
    asking = ledger(database, "full_sync")
    assert asking.room(NOON).day == 0
    assert asking.room(NOON + timedelta(minutes=15)).day == 50 - 1 - 7


@pytest.mark.parametrize(
    ("records", "more", "requests"),
    [
        ({SObject.CONTACT: 0}, {}, 1 + 2 + 1),
        ({SObject.CONTACT: 250_000, SObject.LEAD: 250_001}, {"used": 4}, 4 + (1 + 2 + 1) + (1 + 2 + 2)),
        ({SObject.CONTACT: 1_000_000}, {"polls": 7.6}, 1 + 8 + 4),
        ({SObject.CONTACT: 1000}, {"begun": {SObject.CONTACT: Begun(finished=False)}}, 2 + 1),
        ({SObject.CONTACT: 1000}, {"begun": {SObject.CONTACT: Begun(finished=True)}}, 0),
    ],
)
def test_full_sync_takes_a_job_its_polls_and_its_pages(
    records: Mapping[SObject, int], more: dict[str, Any], requests: int
) -> None:
    assert forecast_full_sync(records, **more).requests == requests


def test_polls_are_learned_from_earlier_full_syncs(database: CustomerDatabase) -> None:
    with database.transaction() as connection:
        assert bulk_polls_of_a_job(connection, "org") is None
    fill(database, 2, NOON, status=200)
    for kind, requests in (("bulk_job", 2), ("bulk_poll", 9)):
        fill(database, requests, NOON, status=200, **{"kind": kind})
    fill(database, 50, NOON, flow="contact_moment_export", status=200, **{"kind": "bulk_poll"})
    with database.transaction() as connection:
        assert bulk_polls_of_a_job(connection, "org") == 4.5


def test_figures_are_by_flow_kind_and_hour_with_forecast_beside_actual(database: CustomerDatabase) -> None:
    org_said(database, ApiUsage(used=10, allowed=100))
    fill(database, 3, NOON - timedelta(minutes=90))
    fill(database, 2, NOON - timedelta(minutes=30), flow="incremental_pull")
    fill(database, 7, NOON - timedelta(hours=25))
    with database.transaction() as connection:
        run = start_run(connection, "full_sync", "org", None, NOON)
        save_forecast(connection, run, 12)
        end_run(connection, run, state="Completed", counts={}, requests_used=11, now=NOON)
        figures = read_figures(connection, "org", NOON, timedelta(hours=1))

    assert figures.hour == {("check_connection", "limits"): 1, ("incremental_pull", "query"): 2}
    assert figures.day == {**figures.hour, ("full_sync", "query"): 3}
    assert [requests for requests in figures.by_hour.values() if requests] == [3, 3]
    assert figures.org is not None
    assert (figures.org.used, figures.org.allowed) == (10, 100)
    assert [(cost.flow, cost.forecast, cost.used) for cost in figures.runs] == [("full_sync", 12, 11)]


def test_ledger_forgets_after_eight_days(database: CustomerDatabase) -> None:
    fill(database, 5, NOON - timedelta(days=9))
    fill(database, 2, NOON - timedelta(days=7))
    with database.transaction() as connection:
        forget_old_requests(connection, "org", NOON)
        assert connection.scalars(select(func.count()).select_from(request_ledger)).one() == 2
