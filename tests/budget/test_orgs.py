"""Whoever logs in to an org, its requests are counted together; settings count whatever Prefect server a run uses."""

import pytest

from crm_sync.budget.figures_store import read_figures
from crm_sync.budget.ledger import RequestLedger
from crm_sync.budget.orgs_store import read_rules
from crm_sync.budget.rules import BudgetRules, Reservation
from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import LimitReachedError
from crm_sync.requests import ApiUsage
from tests.rigs.budget import DAY_IS_OVER, MINUTE, NOON, ledger, rules, spend

ACME = "acme.my.salesforce.com"
SMALL = rules(3)


def user(database: CustomerDatabase, key: str, given: BudgetRules | None = SMALL) -> RequestLedger:
    return ledger(database, given=given, org=key, clock=lambda: NOON)


def test_users_of_one_org_share_its_hour(database: CustomerDatabase) -> None:
    ann, ben = user(database, "ann"), user(database, "ben")
    for one in (ann, ben):
        # A login comes before anybody knows whose org it is.
        one.complete(one.reserve("login", NOON), 200, None)
        one.identify(ACME)

    ann.reserve("query", NOON)

    for full in (ben, user(database, "ben"), user(database, ACME)):
        with pytest.raises(LimitReachedError, match="3 Salesforce requests"):
            full.reserve("query", NOON)
    user(database, "carl").reserve("login", NOON)


def test_users_of_one_org_share_its_day_its_breaker_and_its_page(database: CustomerDatabase) -> None:
    ann, ben = user(database, "ann", BudgetRules()), user(database, "ben", BudgetRules())
    for one in (ann, ben):
        one.identify(ACME)
        number = one.reserve("query", NOON)
    ben.complete(number, 200, ApiUsage(used=90, allowed=100))
    with database.transaction() as connection:
        assert read_figures(connection, ACME, NOON).hour == {("full_sync", "query"): 2}
    with pytest.raises(LimitReachedError, match="all programs together"):
        ann.reserve("query", NOON)

    ben.limit_reached("query", DAY_IS_OVER, NOON)
    with pytest.raises(LimitReachedError, match="nothing is sent before"):
        ann.check_open(NOON)


def test_login_of_a_run_that_never_knew_its_org_counts_too(database: CustomerDatabase) -> None:
    killed = user(database, "ann")
    user(database, "ann").identify(ACME)
    assert spend(killed) == 3
    assert spend(user(database, "ann")) == 0


def test_breaker_that_was_closed_before_the_org_was_known_stays_closed(database: CustomerDatabase) -> None:
    ann = user(database, "ann")
    ann.limit_reached("login", DAY_IS_OVER, NOON)
    ann.identify(ACME)

    for key in ("ann", ACME):
        with pytest.raises(LimitReachedError, match="nothing is sent before"):
            user(database, key).check_open(NOON + MINUTE)


def test_org_whose_address_changes_keeps_its_count(database: CustomerDatabase) -> None:
    for key in ("ann", "ben"):
        one = user(database, key)
        one.identify(ACME)
        one.reserve("query", NOON)

    user(database, "ann").identify("newname.my.salesforce.com")

    last = user(database, "ben")
    assert last.org == "newname.my.salesforce.com"
    assert spend(last) == 1


def test_newest_settings_count_for_runs_that_do_not_find_them(database: CustomerDatabase) -> None:
    given = BudgetRules(
        requests_per_hour=10, share_of_day=25, stop_when_org_used=50, keep_for_pull=Reservation(hour=40)
    )
    user(database, "ann", BudgetRules())
    user(database, "ann", given).identify(ACME)

    elsewhere = user(database, "ann", given=None)

    with database.transaction() as connection:
        assert read_rules(connection, ACME) == given
        assert read_rules(connection, "another org") == BudgetRules()
    assert spend(elsewhere) == 6
    with pytest.raises(LimitReachedError, match="10 are allowed, the rest kept for campaign_push and incremental_pull"):
        elsewhere.reserve("query", NOON)
    user(database, "ann", BudgetRules(requests_per_hour=20))
    assert user(database, "ann", given=None).headroom(NOON).hour == 14
