"""Who may make how many requests: the hour, our share of the day, the org's day, and the reservations."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from subprocess import PIPE, Popen

import pytest
from sqlalchemy import func, select

from crm_sync.budget.figures_store import polls_per_job, read_figures, save_forecast
from crm_sync.budget.forecast import forecast_full_sync
from crm_sync.budget.ledger_store import prune_ledger
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import request_ledger
from crm_sync.errors import LimitReachedError
from crm_sync.requests import ApiUsage
from crm_sync.runs.history_store import end_run, start_run
from crm_sync.sobject import SObject
from tests.rigs.budget import DAY_IS_OVER, HOUR, MINUTE, NOON, SECOND, fill, ledger, rules, spend

SHARED = rules(100, pull=(2, 5), push=(3, 10))


def org_used(database: CustomerDatabase, usage: ApiUsage) -> None:
    """Let the answer of one request bring the usage of the org."""
    asked = ledger(database, "check_connection", SHARED, clock=lambda: NOON)
    asked.complete(asked.reserve("limits", NOON), 200, usage)


def test_request_3601_of_an_hour_is_refused(database: CustomerDatabase) -> None:
    fill(database, 3599)
    asking = ledger(database, given=rules())
    asking.reserve("query", NOON + 30 * MINUTE)
    with pytest.raises(LimitReachedError, match="3600 Salesforce requests were made in the last hour") as refused:
        asking.reserve("query", NOON + HOUR - SECOND)

    assert refused.value.until == NOON + HOUR
    assert asking.used == 1
    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(request_ledger)) == 3600, (
            "a refused one is not entered"
        )
    assert ledger(database, org="other").reserve("login", NOON), "another org has an hour of its own"


def test_hour_slides(database: CustomerDatabase) -> None:
    fill(database, 6, NOON - 20 * MINUTE)
    fill(database, 4, NOON + 20 * MINUTE)
    asking = ledger(database, given=rules(10))

    with pytest.raises(LimitReachedError):
        asking.reserve("query", NOON + 39 * MINUTE)
    assert spend(asking, NOON + 40 * MINUTE) == 6


def test_request_is_stored_with_its_outcome(database: CustomerDatabase) -> None:
    asking = ledger(database)
    answered, lost = asking.reserve("query", NOON), asking.reserve("bulk", NOON)
    asking.complete(answered, 200, ApiUsage(used=17, allowed=15000))
    asking.complete(lost, 0, None)
    with database.transaction() as connection:
        rows = {row.id: row for row in connection.execute(select(request_ledger))}
    assert (rows[answered].kind, rows[answered].status, rows[answered].org_used) == ("query", 200, 17)
    assert (rows[lost].kind, rows[lost].status, rows[lost].org_used) == ("bulk", 0, None)


_RESERVE_UNTIL_REFUSED = """
import sys
from crm_sync.database.engine import CustomerDatabase
from tests.rigs.budget import ledger, rules, spend

print(spend(ledger(CustomerDatabase(sys.argv[1]), given=rules(40))))
"""


def test_processes_together_never_exceed_the_hour(database_url: str) -> None:
    CustomerDatabase(database_url).close()  # two that make the same new SQLite file are another matter
    command = [sys.executable, "-c", _RESERVE_UNTIL_REFUSED, database_url]
    asking = [Popen(command, stdout=PIPE, text=True) for _ in range(2)]
    assert sum(int(process.communicate(timeout=60)[0]) for process in asking) == 40


def test_threads_together_never_exceed_the_hour(database: CustomerDatabase) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(lambda _: spend(ledger(database, given=rules(30))), range(4))) == 30


def test_background_leaves_the_pull_and_the_push_their_hour(database: CustomerDatabase) -> None:
    flows = ("full_sync", "contact_moment_export", "incremental_pull", "retry_outputs", "campaign_push")
    used = [spend(ledger(database, flow, SHARED)) for flow in flows]

    assert used == [95, 0, 2, 3, 0], "outputs that are sent again use the reservation of the push"


def test_flow_with_a_reservation_may_use_what_nobody_needs(database: CustomerDatabase) -> None:
    assert spend(ledger(database, "campaign_push", SHARED)) == 98


def test_used_part_of_a_reservation_is_not_kept_again(database: CustomerDatabase) -> None:
    fill(database, 2, flow="incremental_pull")
    assert spend(ledger(database, given=SHARED)) == 95


def test_refusal_names_the_reservations_and_when_there_is_headroom_again(database: CustomerDatabase) -> None:
    fill(database, 50, NOON - 50 * MINUTE)
    fill(database, 45, NOON - 20 * MINUTE)
    with pytest.raises(LimitReachedError, match="the rest kept for campaign_push and incremental_pull") as refused:
        ledger(database, given=SHARED).reserve("query", NOON)
    assert refused.value.until == NOON + 10 * MINUTE


def test_share_of_the_day_is_of_what_salesforce_allows_the_org(database: CustomerDatabase) -> None:
    org_used(database, ApiUsage(used=10, allowed=100))
    # 50 are ours; 1 is used, 5 are kept for the push and 2 (2.5, rounded to even) for the pull.
    assert spend(ledger(database, "contact_moment_export", SHARED)) == 50 - 1 - 5 - 2
    assert spend(ledger(database, "campaign_push", SHARED)) == 5
    assert spend(ledger(database, "incremental_pull", SHARED)) == 2
    with pytest.raises(LimitReachedError, match="50 are this integration's share") as refused:
        ledger(database, "incremental_pull", SHARED).reserve("query", NOON)
    assert refused.value.until == NOON + 24 * HOUR


def test_yesterdays_requests_are_over(database: CustomerDatabase) -> None:
    org_used(database, ApiUsage(used=10, allowed=100))
    fill(database, 49, NOON - 24 * HOUR + MINUTE)
    with pytest.raises(LimitReachedError):
        ledger(database, "incremental_pull", SHARED).reserve("query", NOON)
    assert spend(ledger(database, "campaign_push", SHARED), NOON + 2 * MINUTE) > 0


def test_nothing_is_sent_when_the_org_as_a_whole_has_used_too_much(database: CustomerDatabase) -> None:
    for hours, usage in enumerate(
        [
            ApiUsage(used=80, allowed=100),
            ApiUsage(used=10, allowed=1000, app_used=250, app_allowed=250),
            ApiUsage(used=10, allowed=1000, is_bursting=True),
        ]
    ):
        now = NOON + hours * HOUR
        asked = ledger(database, "campaign_push", SHARED, clock=lambda now=now: now)
        asked.complete(asked.reserve("limits", now), 200, usage)
        with pytest.raises(LimitReachedError, match="all programs together") as refused:
            asked.reserve("query", now)
        assert refused.value.until == now + 15 * MINUTE, usage


def test_one_request_in_a_quarter_of_an_hour_brings_the_usage_of_the_org_anew(database: CustomerDatabase) -> None:
    org_used(database, ApiUsage(used=95, allowed=100))
    later = NOON + 15 * MINUTE
    asking = ledger(database, "incremental_pull", SHARED, clock=lambda: later)
    number = asking.reserve("query", later)
    with pytest.raises(LimitReachedError):
        ledger(database, "campaign_push", SHARED).reserve("query", later)

    asking.complete(number, 200, ApiUsage(used=20, allowed=100))

    ledger(database, "campaign_push", SHARED).reserve("query", later)


def test_push_and_pull_go_on_when_the_background_has_to_stop_for_the_org(database: CustomerDatabase) -> None:
    # Of the org's 80, which stop everybody, 5 are kept for the push and 2 for the pull.
    org_used(database, ApiUsage(used=73, allowed=100))
    with pytest.raises(LimitReachedError):
        ledger(database, "full_sync", SHARED).reserve("query", NOON)
    ledger(database, "incremental_pull", SHARED).reserve("query", NOON)
    ledger(database, "campaign_push", SHARED).reserve("query", NOON)


def test_full_hour_is_waited_for_without_a_transaction(database: CustomerDatabase) -> None:
    fill(database, 100)
    now = NOON + 55 * MINUTE
    waited_until = []

    def wait(refusal: LimitReachedError) -> bool:
        nonlocal now
        # Would wait for ever, if the ledger's own transaction were open.
        fill(database, 1, flow="another")
        waited_until.append(refusal.until)
        now = refusal.until or now
        return True

    ledger(database, given=SHARED, clock=lambda: now, wait=wait).reserve("query", now)

    assert waited_until == [NOON + HOUR]


def test_too_long_a_wait_and_a_closed_breaker_end_in_the_refusal(database: CustomerDatabase) -> None:
    fill(database, 100)
    waits = ledger(database, given=SHARED, clock=lambda: NOON, wait=lambda refusal: False)
    with pytest.raises(LimitReachedError, match="100 are allowed"):
        waits.reserve("query", NOON)

    stopped = ledger(database, given=SHARED, clock=lambda: NOON, wait=lambda refusal: pytest.fail("waited"))
    stopped.limit_reached("query", DAY_IS_OVER, NOON)
    with pytest.raises(LimitReachedError, match="nothing is sent before"):
        stopped.reserve("query", NOON)


def test_request_counts_from_its_answer_on(database: CustomerDatabase) -> None:
    """Salesforce may have counted it at any moment until then."""
    now = NOON
    slow = ledger(database, given=rules(1), clock=lambda: now)
    number = slow.reserve("query", now)
    now = NOON + 2 * MINUTE
    slow.complete(number, 200, None)

    with pytest.raises(LimitReachedError):
        slow.reserve("query", NOON + 61 * MINUTE)
    slow.reserve("query", NOON + 62 * MINUTE)


def test_headroom_is_what_a_run_may_still_make(database: CustomerDatabase) -> None:
    asking = ledger(database, given=SHARED)

    def headroom() -> tuple[int, int | None]:
        found = asking.headroom(NOON)
        return found.hour, found.day

    assert headroom() == (95, None)
    org_used(database, ApiUsage(used=10, allowed=100))
    assert headroom() == (94, 50 - 1 - 7)
    spend(asking)
    assert headroom() == (52, 0)


def test_old_usage_of_the_org_leaves_headroom_for_the_next_request(database: CustomerDatabase) -> None:
    org_used(database, ApiUsage(used=95, allowed=100))
    asking = ledger(database, given=SHARED)
    assert asking.headroom(NOON).day == 0
    assert asking.headroom(NOON + 15 * MINUTE).day == 50 - 1 - 7


def test_full_sync_takes_a_job_its_polls_and_its_pages() -> None:
    both = {SObject.CONTACT: 250_000, SObject.LEAD: 250_001}
    some = {SObject.CONTACT: 1000}
    assert forecast_full_sync({SObject.CONTACT: 0}) == 1 + 2 + 1
    assert forecast_full_sync(both) == (1 + 2 + 1) + (1 + 2 + 2)
    assert forecast_full_sync({SObject.CONTACT: 1_000_000}, polls=7.6) == 1 + 8 + 4
    assert forecast_full_sync(some, begun={SObject.CONTACT: False}) == 2 + 1
    assert forecast_full_sync(some, begun={SObject.CONTACT: True}) == 0


def test_polls_are_those_of_earlier_full_syncs(database: CustomerDatabase) -> None:
    with database.transaction() as connection:
        assert polls_per_job(connection, "org") is None
    for kind, requests in (("query", 2), ("bulk_job", 2), ("bulk_poll", 9)):
        fill(database, requests, status=200, kind=kind)
    fill(database, 50, flow="contact_moment_export", status=200, kind="bulk_poll")
    with database.transaction() as connection:
        assert polls_per_job(connection, "org") == 4.5


def test_figures_are_by_flow_kind_and_hour_with_forecast_beside_actual(database: CustomerDatabase) -> None:
    org_used(database, ApiUsage(used=10, allowed=100))
    fill(database, 3, NOON - 90 * MINUTE)
    fill(database, 2, NOON - 30 * MINUTE, flow="incremental_pull")
    fill(database, 7, NOON - 25 * HOUR)
    with database.transaction() as connection:
        run = start_run(connection, "full_sync", "org", None, NOON)
        save_forecast(connection, run, 12)
        end_run(connection, run, state="Completed", counts={}, requests_used=11, now=NOON)
        figures = read_figures(connection, "org", NOON)

    assert figures.hour == {("check_connection", "limits"): 1, ("incremental_pull", "query"): 2}
    assert figures.day == {**figures.hour, ("full_sync", "query"): 3}
    assert [requests for requests in figures.by_hour.values() if requests] == [3, 3]
    assert figures.org is not None
    assert (figures.org.used, figures.org.allowed) == (10, 100)
    assert [(cost.flow, cost.forecast, cost.used) for cost in figures.runs] == [("full_sync", 12, 11)]


def test_ledger_keeps_eight_days(database: CustomerDatabase) -> None:
    fill(database, 5, NOON - timedelta(days=9))
    fill(database, 2, NOON - timedelta(days=7))
    with database.transaction() as connection:
        prune_ledger(connection, "org", NOON)
        assert connection.scalar(select(func.count()).select_from(request_ledger)) == 2
