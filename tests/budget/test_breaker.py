"""One refusal for a limit stops every flow of the org, in every process, and one request finds out when it is over."""

import sys
from datetime import UTC, datetime, timedelta
from subprocess import PIPE, Popen

import pytest

from crm_sync.budget.breaker import FIRST_PAUSE, LONGEST_PAUSE, PROBE_TIME, Scope, closed_breakers
from crm_sync.budget.ledger import RequestLedger
from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import LimitReachedError, LoginLimitError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY_IS_OVER = LimitReachedError("The day is over.", code="REQUEST_LIMIT_EXCEEDED")
SECOND = timedelta(seconds=1)


def ledger(database: CustomerDatabase, flow: str = "full_sync", org: str = "org") -> RequestLedger:
    return RequestLedger(database, org=org, flow=flow)


def scopes(database: CustomerDatabase) -> list[Scope]:
    with database.transaction() as connection:
        return [closed.scope for closed in closed_breakers(connection, "org")]


def closed_until(database: CustomerDatabase) -> datetime:
    with database.transaction() as connection:
        return closed_breakers(connection, "org")[0].until


def test_refusal_for_the_day_stops_every_flow_of_the_org_and_says_until_when(database: CustomerDatabase) -> None:
    ledger(database).limit_reached("query", DAY_IS_OVER, NOON)

    for flow in ("full_sync", "incremental_pull", "campaign_push", "contact_moment_export"):
        with pytest.raises(LimitReachedError, match="nothing is sent before 12:15 UTC") as stopped:
            ledger(database, flow).reserve("query", NOON + SECOND)
        assert stopped.value.until == NOON + FIRST_PAUSE
        with pytest.raises(LimitReachedError):
            ledger(database, flow).check_open(NOON + SECOND)


def test_another_org_goes_on(database: CustomerDatabase) -> None:
    ledger(database).limit_reached("query", DAY_IS_OVER, NOON)

    other = ledger(database, org="other")
    other.check_open(NOON + SECOND)
    other.reserve("query", NOON + SECOND)


def test_after_the_pause_one_request_tries_and_its_success_opens(database: CustomerDatabase) -> None:
    first, second = ledger(database), ledger(database, "incremental_pull")
    first.limit_reached("query", DAY_IS_OVER, NOON)
    later = NOON + FIRST_PAUSE

    probe = first.reserve("query", later)
    for other in (first, second):
        with pytest.raises(LimitReachedError):
            other.reserve("query", later + SECOND)
    first.settle(probe, 200, None)

    assert scopes(database) == []
    second.reserve("query", later + 2 * SECOND)


def test_probe_in_vain_closes_for_twice_as_long_up_to_an_hour(database: CustomerDatabase) -> None:
    trying, now, pauses = ledger(database), NOON, []
    trying.limit_reached("query", DAY_IS_OVER, now)
    for _ in range(4):
        pauses.append(closed_until(database) - now)
        now = closed_until(database)
        probe = trying.reserve("query", now)
        trying.settle(probe, 403, None)
        trying.limit_reached("query", DAY_IS_OVER, now)

    assert pauses == [FIRST_PAUSE, 2 * FIRST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_refusals_of_requests_on_their_way_do_not_lengthen_the_pause(database: CustomerDatabase) -> None:
    trying = ledger(database)
    for seconds in range(3):
        trying.limit_reached("query", DAY_IS_OVER, NOON + seconds * SECOND)

    assert closed_until(database) == NOON + FIRST_PAUSE


def test_success_of_a_request_sent_before_does_not_open(database: CustomerDatabase) -> None:
    busy = ledger(database)
    on_its_way = busy.reserve("query", NOON)
    busy.limit_reached("query", DAY_IS_OVER, NOON)
    busy.settle(on_its_way, 200, None)

    assert scopes(database) == [Scope.ALL]


def test_login_on_the_way_to_the_probe_does_not_open_and_keeps_its_turn(database: CustomerDatabase) -> None:
    """Salesforce takes logins also when it takes no requests."""
    prober, other = ledger(database), ledger(database)
    prober.limit_reached("query", DAY_IS_OVER, NOON)
    later = NOON + FIRST_PAUSE

    login = prober.reserve("login", later)
    prober.settle(login, 200, None)

    assert scopes(database) == [Scope.ALL]
    with pytest.raises(LimitReachedError):
        other.reserve("query", later + SECOND)
    prober.settle(prober.reserve("query", later + SECOND), 200, None)
    assert scopes(database) == []


@pytest.mark.parametrize("status", [0, 401, 503])
def test_probe_that_said_nothing_of_limits_may_be_repeated_by_its_run(database: CustomerDatabase, status: int) -> None:
    prober, other = ledger(database), ledger(database)
    prober.limit_reached("query", DAY_IS_OVER, NOON)
    later = NOON + FIRST_PAUSE

    prober.settle(prober.reserve("query", later), status, None)

    with pytest.raises(LimitReachedError):
        other.reserve("query", later + SECOND)
    prober.settle(prober.reserve("query", later + SECOND), 200, None)
    assert scopes(database) == []


def test_killed_prober_is_given_up(database: CustomerDatabase) -> None:
    ledger(database).limit_reached("query", DAY_IS_OVER, NOON)
    ledger(database).reserve("query", NOON + FIRST_PAUSE)

    other = ledger(database)
    with pytest.raises(LimitReachedError):
        other.reserve("query", NOON + FIRST_PAUSE + PROBE_TIME - SECOND)
    other.reserve("query", NOON + FIRST_PAUSE + PROBE_TIME)


def test_login_rate_stops_logins_only(database: CustomerDatabase) -> None:
    busy = ledger(database)
    in_an_hour = NOON + timedelta(hours=1)
    busy.limit_reached("login", LoginLimitError("Too many.", code="LOGIN_RATE_EXCEEDED", until=in_an_hour), NOON)

    busy.check_open(NOON)
    busy.reserve("query", NOON)
    with pytest.raises(LoginLimitError, match="nobody logs in before 13:00 UTC"):
        busy.reserve("login", NOON)
    busy.settle(busy.reserve("login", in_an_hour), 200, None)
    assert scopes(database) == []


def test_quota_of_bulk_jobs_stops_new_jobs_only(database: CustomerDatabase) -> None:
    busy = ledger(database)
    busy.limit_reached("bulk_job", LimitReachedError("No more jobs.", code="EXCEEDEDQUOTA"), NOON)

    for kind in ("query", "bulk_poll", "bulk_results", "login"):
        busy.reserve(kind, NOON)
    with pytest.raises(LimitReachedError, match="Bulk jobs of the day"):
        busy.reserve("bulk_job", NOON)


def test_stopped_request_is_not_counted(database: CustomerDatabase) -> None:
    busy = ledger(database)
    busy.limit_reached("query", DAY_IS_OVER, NOON)
    with pytest.raises(LimitReachedError):
        busy.reserve("query", NOON)
    assert busy.used == 0


_TRY = """
import sys
from datetime import UTC, datetime
from crm_sync.customers.database import CustomerDatabase
from crm_sync.customers.ledger import RequestLedger
from crm_sync.errors import LimitReachedError

ledger = RequestLedger(CustomerDatabase(sys.argv[1]), org="org", flow="full_sync")
try:
    for _ in range(5):
        ledger.reserve("query", datetime(2026, 1, 1, 12, 15, tzinfo=UTC))
except LimitReachedError:
    pass
print(ledger.used)
"""


def test_of_several_processes_exactly_one_tries(database: CustomerDatabase, database_url: str) -> None:
    ledger(database).limit_reached("query", DAY_IS_OVER, NOON)

    trying = [Popen([sys.executable, "-c", _TRY, database_url], stdout=PIPE, text=True) for _ in range(3)]

    assert sum(int(process.communicate(timeout=60)[0]) for process in trying) == 1
