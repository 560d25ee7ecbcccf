"""One refusal for a limit stops every flow of the org, in every process, until one probe shows that it is over."""

import sys
from datetime import datetime
from subprocess import PIPE, Popen

import pytest

from crm_sync.budget.breaker import FIRST_PAUSE, LONGEST_PAUSE, PROBE_TIME, Scope
from crm_sync.budget.breaker_store import closed_breakers
from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import LimitReachedError, LoginLimitError
from tests.rigs.budget import DAY_IS_OVER, HOUR, NOON, SECOND, ledger

LATER = NOON + FIRST_PAUSE


def scopes(database: CustomerDatabase) -> list[Scope]:
    with database.transaction() as connection:
        return [closed.scope for closed in closed_breakers(connection, "org")]


def closed_until(database: CustomerDatabase) -> datetime:
    with database.transaction() as connection:
        return closed_breakers(connection, "org")[0].until


def test_refusal_for_the_day_stops_every_flow_of_the_org_and_no_other_org(database: CustomerDatabase) -> None:
    ledger(database).limit_reached("query", DAY_IS_OVER, NOON)

    for flow in ("full_sync", "incremental_pull", "campaign_push", "contact_moment_export"):
        asking = ledger(database, flow)
        with pytest.raises(LimitReachedError, match=r"nothing is sent before [0-9-]{10} 12:15 UTC") as stopped:
            asking.reserve("query", NOON + SECOND)
        assert stopped.value.until == LATER
        assert asking.used == 0, "a stopped request is not counted"
        with pytest.raises(LimitReachedError):
            asking.check_open(NOON + SECOND)

    other = ledger(database, org="other")
    other.check_open(NOON + SECOND)
    other.reserve("query", NOON + SECOND)


def test_after_the_pause_one_probe_is_sent_and_its_success_opens(database: CustomerDatabase) -> None:
    first, second = ledger(database), ledger(database, "incremental_pull")
    first.limit_reached("query", DAY_IS_OVER, NOON)

    probe = first.reserve("query", LATER)
    for other in (first, second):
        with pytest.raises(LimitReachedError):
            other.reserve("query", LATER + SECOND)
    first.complete(probe, 200, None)

    assert scopes(database) == []
    second.reserve("query", LATER + 2 * SECOND)


def test_probe_in_vain_closes_for_twice_as_long_up_to_an_hour(database: CustomerDatabase) -> None:
    trying, now, pauses = ledger(database), NOON, []
    trying.limit_reached("query", DAY_IS_OVER, now)
    for _ in range(4):
        pauses.append(closed_until(database) - now)
        now = closed_until(database)
        probe = trying.reserve("query", now)
        trying.complete(probe, 403, None)
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
    busy.complete(on_its_way, 200, None)

    assert scopes(database) == [Scope.ALL]


def test_login_before_the_probe_does_not_open_and_keeps_its_turn(database: CustomerDatabase) -> None:
    """Salesforce takes logins also when it takes no requests."""
    prober, other = ledger(database), ledger(database)
    prober.limit_reached("query", DAY_IS_OVER, NOON)

    login = prober.reserve("login", LATER)
    prober.complete(login, 200, None)

    assert scopes(database) == [Scope.ALL]
    with pytest.raises(LimitReachedError):
        other.reserve("query", LATER + SECOND)
    prober.complete(prober.reserve("query", LATER + SECOND), 200, None)
    assert scopes(database) == []


def test_probe_without_an_answer_about_limits_may_be_repeated_by_its_run(database: CustomerDatabase) -> None:
    prober, other = ledger(database), ledger(database)
    prober.limit_reached("query", DAY_IS_OVER, NOON)

    for status in (0, 401, 503):
        prober.complete(prober.reserve("query", LATER), status, None)
        with pytest.raises(LimitReachedError):
            other.reserve("query", LATER + SECOND)
    prober.complete(prober.reserve("query", LATER + SECOND), 200, None)
    assert scopes(database) == []


def test_killed_prober_is_given_up(database: CustomerDatabase) -> None:
    ledger(database).limit_reached("query", DAY_IS_OVER, NOON)
    ledger(database).reserve("query", LATER)

    other = ledger(database)
    with pytest.raises(LimitReachedError):
        other.reserve("query", LATER + PROBE_TIME - SECOND)
    other.reserve("query", LATER + PROBE_TIME)


def test_login_rate_stops_logins_only(database: CustomerDatabase) -> None:
    busy = ledger(database)
    in_an_hour = NOON + HOUR
    busy.limit_reached("login", LoginLimitError("Too many.", code="LOGIN_RATE_EXCEEDED", until=in_an_hour), NOON)

    busy.check_open(NOON)
    busy.reserve("query", NOON)
    with pytest.raises(LoginLimitError, match=r"nobody logs in before [0-9-]{10} 13:00 UTC"):
        busy.reserve("login", NOON)
    busy.complete(busy.reserve("login", in_an_hour), 200, None)
    assert scopes(database) == []


def test_quota_of_bulk_jobs_stops_new_jobs_only(database: CustomerDatabase) -> None:
    busy = ledger(database)
    busy.limit_reached("bulk_job", LimitReachedError("No more jobs.", code="EXCEEDEDQUOTA"), NOON)

    for kind in ("query", "bulk_poll", "bulk_results", "login"):
        busy.reserve(kind, NOON)
    with pytest.raises(LimitReachedError, match="Bulk jobs of the day"):
        busy.reserve("bulk_job", NOON)


_PROBE = """
import sys
from crm_sync.database.engine import CustomerDatabase
from tests.rigs.budget import NOON, ledger, spend

print(spend(ledger(CustomerDatabase(sys.argv[1])), NOON.replace(minute=15)))
"""


def test_of_several_processes_exactly_one_sends_the_probe(database: CustomerDatabase, database_url: str) -> None:
    ledger(database).limit_reached("query", DAY_IS_OVER, NOON)

    trying = [Popen([sys.executable, "-c", _PROBE, database_url], stdout=PIPE, text=True) for _ in range(3)]

    assert sum(int(process.communicate(timeout=60)[0]) for process in trying) == 1
