"""The request budget as a page in the Prefect UI."""

from collections.abc import Collection, Sequence
from dataclasses import astuple
from datetime import datetime

import httpx
from prefect import runtime
from prefect.exceptions import PrefectHTTPStatusError

from blocks.api_budget import ApiBudget, find_budget
from blocks.load import saved_names
from crm_sync.budget.calls_store import CallFigures, read_calls
from crm_sync.budget.figures_store import read_figures
from crm_sync.budget.ledger_store import prune_ledger
from crm_sync.budget.orgs_store import org_of, read_rules
from crm_sync.budget.report import BudgetFigures, budget_sentence, by_flow, forecast_day
from crm_sync.budget.rules import BudgetRules, day_allowance
from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import DatabaseUnavailableError
from tasks.log import run_logger
from tasks.pages.alerts import raise_alerts
from tasks.pages.charts import bar_chart
from tasks.pages.health import publish_health
from tasks.pages.markdown import Markdown, bold, bullets, heading, publish_page, table

# By its slug: an installation without Deployteq imports nothing of it.
_ACCOUNT_TYPE = "deployteq-account"


def refresh_budget(
    database: CustomerDatabase,
    org_key: str,
    now: datetime,
    budget: ApiBudget | str | None = None,
    *,
    flows: Collection[str] = (),
    with_account: bool = False,
) -> str:
    """Leave the budget's page as it is now, raise and clear alerts, and return the page's sentence.

    `with_account`: the run has a Deployteq account, which no saved block need name.
    """
    block = find_budget(budget)
    with database.transaction() as connection:
        org = org_of(connection, org_key)
        rules = block or read_rules(connection, org)
        prune_ledger(connection, org, now)
        figures = read_figures(connection, org, now)
        calls = read_calls(connection, now)
    sentence = budget_sentence(rules, figures)
    _publish(figures, rules, sentence, calls)
    raise_alerts(database, org, now, rejects_above=(block or ApiBudget()).alert_when_rejected, flows=flows)
    publish_health(database, now, with_account=with_account or bool(saved_names(_ACCOUNT_TYPE)))
    return sentence


def refresh_budget_quietly(
    database: CustomerDatabase, org_key: str, now: datetime, *, with_account: bool = False
) -> None:
    """Refresh the page at the end of a run; when that fails, the run ends as it would have ended."""
    if runtime.flow_run.id is None:  # outside of a flow run Prefect keeps no artifact
        return
    try:
        refresh_budget(database, org_key, now, with_account=with_account)
    except (DatabaseUnavailableError, httpx.HTTPError, PrefectHTTPStatusError) as problem:
        run_logger().warning("The page of the API budget was not refreshed (%s).", type(problem).__name__)


def _publish(figures: BudgetFigures, rules: BudgetRules, sentence: str, calls: Sequence[CallFigures]) -> None:
    kinds = [(*key, figures.hour.get(key, 0), figures.day[key]) for key in sorted(figures.day)]
    runs = [(run.flow, f"{run.started_at:%Y-%m-%d %H:%M} UTC", run.forecast, run.used) for run in figures.runs]
    by_hour = {f"{start:%H}": requests for start, requests in figures.by_hour.items()}
    publish_page(
        "api-budget",
        "API budget",
        sentence,
        bullets(_state(figures, rules)),
        _reservations(figures, rules),
        bar_chart("hour (UTC)", "requests", by_hour),
        table(("flow", "kind of request", "last hour", "last 24 hours"), kinds),
        table(("run", "began (UTC)", "forecast", "made"), runs),
        *(
            (
                heading("Calls to Deployteq"),
                table(("brand", "flow", "last hour", "last 24 hours", "without an answer"), map(astuple, calls)),
            )
            if calls
            else ()
        ),
        Markdown(f"As of {figures.at:%Y-%m-%d %H:%M} UTC."),
    )


def _state(figures: BudgetFigures, rules: BudgetRules) -> list[str]:
    org, today = figures.org, forecast_day(figures.by_hour, figures.at)
    share = f" of {day_allowance(rules, org):,}" if org else ""
    items: list[str] = [
        Markdown(
            f"{bold(f'{closed.scope.capitalize()} are stopped')}: Salesforce refused them at "
            f"{closed.closed_at:%Y-%m-%d %H:%M} UTC; one request tries again after {closed.until:%Y-%m-%d %H:%M} UTC."
        )
        for closed in figures.breakers
    ]
    items.append(
        f"Today (UTC): {today.so_far:,} requests so far, about {today.in_all:,}{share} by midnight if it goes on as "
        "in the last three hours."
    )
    if org:
        used = f"{org.used / max(org.allowed, 1):.0%}"
        items.append(
            f"The org as a whole, all programs: {org.used:,} of {org.allowed:,} ({used}) at "
            f"{org.seen_at:%Y-%m-%d %H:%M} UTC; nothing is sent above {rules.stop_when_org_used:.0f}%."
        )
    if org and org.app_allowed is not None:
        items.append(f"This app by Salesforce's count: {org.app_used:,} of {org.app_allowed:,}.")
    logins = sum(number for (_, kind), number in figures.day.items() if kind == "login")
    return [*items, f"Logins in the last 24 hours: {logins:,}."]


def _reservations(figures: BudgetFigures, rules: BudgetRules) -> Markdown:
    hour, day = by_flow(figures.hour), by_flow(figures.day)
    allowed = day_allowance(rules, figures.org) if figures.org else None
    rows: list[tuple[object, ...]] = []
    for flow in sorted({*rules.reservations, *day}):
        kept = rules.reservations.get(flow)
        of_hour = kept.of_hour(rules.requests_per_hour) if kept else None
        of_day = kept.of_day(allowed) if kept and allowed is not None else None
        rows.append((flow, hour.get(flow, 0), of_hour, day.get(flow, 0), of_day))
    all_hour = f"{sum(hour.values()):,} of {rules.requests_per_hour:,}"
    all_day = f"{sum(day.values()):,}" + ("" if allowed is None else f" of {allowed:,}")
    rows.append((bold("all"), all_hour, None, all_day, None))
    return table(("flow", "last hour", "kept for it", "last 24 hours", "kept for it"), rows)
