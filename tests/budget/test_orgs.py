"""Whoever logs in to an org, its requests are counted together; settings count whatever Prefect server a run asks."""

from datetime import UTC, datetime, timedelta

import pytest

from crm_sync.budget.figures import read_figures
from crm_sync.budget.ledger import RequestLedger
from crm_sync.budget.rules import BudgetRules, Kept
from crm_sync.budget.settings import read_rules
from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import LimitReachedError
from crm_sync.requests import ApiUsage

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ACME = "acme.my.salesforce.com"
SMALL = BudgetRules(per_hour=3, kept={})


def ledger(database: CustomerDatabase, key: str, rules: BudgetRules | None = SMALL) -> RequestLedger:
    return RequestLedger(database, org=key, flow="full_sync", rules=rules, clock=lambda: NOON)


def test_users_of_one_org_share_its_hour(database: CustomerDatabase) -> None:
    ann, ben = ledger(database, "ann"), ledger(database, "ben")
    for user in (ann, ben):
        # A login comes before anybody knows whose org it is.
        user.settle(user.reserve("login", NOON), 200, None)
        user.identify(ACME)

    ann.reserve("query", NOON)

    with pytest.raises(LimitReachedError, match="3 Salesforce requests"):
        ben.reserve("query", NOON)
    with pytest.raises(LimitReachedError):
        ledger(database, "ben").reserve("query", NOON)
    with pytest.raises(LimitReachedError):
        ledger(database, ACME).reserve("query", NOON)
    ledger(database, "carl").reserve("login", NOON)


def test_users_of_one_org_share_its_day_and_its_breaker(database: CustomerDatabase) -> None:
    ann, ben = ledger(database, "ann", BudgetRules()), ledger(database, "ben", BudgetRules())
    ann.identify(ACME)
    ben.identify(ACME)
    ann.settle(ann.reserve("query", NOON), 200, ApiUsage(used=90, allowed=100))
    with pytest.raises(LimitReachedError, match="all programs together"):
        ben.reserve("query", NOON)

    ben.limit_reached("query", LimitReachedError("Over.", code="REQUEST_LIMIT_EXCEEDED"), NOON)
    with pytest.raises(LimitReachedError, match="nothing is sent before"):
        ann.check_open(NOON)


def test_login_of_a_run_that_never_learned_the_org_counts_too(database: CustomerDatabase) -> None:
    killed = ledger(database, "ann")
    ledger(database, "ann").identify(ACME)
    for _ in range(3):
        killed.reserve("login", NOON)

    with pytest.raises(LimitReachedError):
        ledger(database, "ann").reserve("login", NOON)


def test_breaker_that_was_closed_before_the_org_was_known_stays_closed(database: CustomerDatabase) -> None:
    ann = ledger(database, "ann")
    ann.limit_reached("login", LimitReachedError("Over.", code="REQUEST_LIMIT_EXCEEDED"), NOON)
    ann.identify(ACME)

    for key in ("ann", ACME):
        with pytest.raises(LimitReachedError, match="nothing is sent before"):
            ledger(database, key).check_open(NOON + timedelta(minutes=1))


def test_org_whose_address_changes_keeps_its_count(database: CustomerDatabase) -> None:
    ann, ben = ledger(database, "ann"), ledger(database, "ben")
    for user in (ann, ben):
        user.identify(ACME)
        user.reserve("query", NOON)

    ledger(database, "ann").identify("newname.my.salesforce.com")

    last = ledger(database, "ben")
    assert last.org == "newname.my.salesforce.com"
    last.reserve("query", NOON)
    with pytest.raises(LimitReachedError):
        last.reserve("query", NOON)


def test_page_of_an_org_has_the_requests_of_all_its_users(database: CustomerDatabase) -> None:
    for key in ("ann", "ben"):
        user = ledger(database, key)
        user.identify(ACME)
        user.reserve("query", NOON)
    with database.transaction() as connection:
        assert read_figures(connection, ACME, NOON, timedelta(hours=1)).hour == {("full_sync", "query"): 2}


def test_settings_count_for_runs_that_do_not_find_them(database: CustomerDatabase) -> None:
    given = BudgetRules(per_hour=3, share_of_day=0.25, stop_at=0.5, kept={"incremental_pull": Kept(hour=0.4)})
    ledger(database, "ann", given).identify(ACME)

    elsewhere = ledger(database, "ann", rules=None)

    with database.transaction() as connection:
        assert read_rules(connection, ACME, None) == given
        assert read_rules(connection, "another org", None) == BudgetRules()
    for _ in range(2):
        elsewhere.reserve("query", NOON)
    with pytest.raises(LimitReachedError, match="3 are allowed, the rest kept for incremental_pull"):
        elsewhere.reserve("query", NOON)


def test_newest_settings_count(database: CustomerDatabase) -> None:
    ledger(database, "ann")
    ledger(database, "ann", BudgetRules(per_hour=5, kept={}))
    assert ledger(database, "ann", rules=None).room(NOON).hour == 5
