"""The request budget as a page in the Prefect UI."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime

import httpx
from prefect import runtime
from prefect.artifacts import create_markdown_artifact
from prefect.exceptions import PrefectHTTPStatusError

from blocks.api_budget import ApiBudget, find_budget
from crm_sync.budget.figures_store import read_figures
from crm_sync.budget.ledger_store import prune_ledger
from crm_sync.budget.orgs_store import org_of, read_rules
from crm_sync.budget.report import BudgetFigures, RunCost, budget_sentence, by_flow, forecast_day
from crm_sync.budget.rules import BudgetRules, day_allowance
from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import DatabaseUnavailableError
from tasks.log import run_logger
from tasks.pages.alerts import raise_alerts

_ON_DARK = {
    "xyChart": {
        "backgroundColor": "transparent",
        "plotColorPalette": "#2563eb",
        **dict.fromkeys(
            ("titleColor", "xAxisLabelColor", "yAxisLabelColor", "xAxisTitleColor", "yAxisTitleColor"), "#e2e8f0"
        ),
        **dict.fromkeys(("xAxisTickColor", "yAxisTickColor", "xAxisLineColor", "yAxisLineColor"), "#64748b"),
    }
}


def refresh_budget(
    database: CustomerDatabase,
    org_key: str,
    now: datetime,
    budget: ApiBudget | str | None = None,
    *,
    flows: Collection[str] = (),
) -> str:
    """Leave the budget's page as it is now, raise and clear alerts, and return the page's sentence."""
    block = find_budget(budget)
    with database.transaction() as connection:
        org = org_of(connection, org_key)
        rules = block or read_rules(connection, org)
        prune_ledger(connection, org, now)
        figures = read_figures(connection, org, now)
    sentence = budget_sentence(rules, figures)
    create_markdown_artifact(_markdown(figures, rules, sentence), key="api-budget", description=sentence)
    raise_alerts(database, org, now, rejects_above=(block or ApiBudget()).alert_when_rejected, flows=flows)
    return sentence


def refresh_budget_quietly(
    database: CustomerDatabase, org_key: str, now: datetime, budget: ApiBudget | str | None = None
) -> None:
    """Refresh the page at the end of a run; when that fails, the run ends as it would have ended."""
    if runtime.flow_run.id is None:  # Prefect leaves no page of what is no run
        return
    try:
        refresh_budget(database, org_key, now, budget)
    except (DatabaseUnavailableError, httpx.HTTPError, PrefectHTTPStatusError) as problem:
        run_logger().warning("The page of the API budget was not refreshed (%s).", type(problem).__name__)


def _markdown(figures: BudgetFigures, rules: BudgetRules, sentence: str) -> str:
    lines = ["## API budget", "", sentence, "", *_state(figures, rules), "", *_shares(figures, rules)]
    lines += ["", *_chart(figures.by_hour), "", *_kinds(figures)]
    if figures.runs:
        lines += ["", *_runs(figures.runs)]
    return "\n".join([*lines, "", f"As of {figures.at:%Y-%m-%d %H:%M} UTC."])


def _state(figures: BudgetFigures, rules: BudgetRules) -> list[str]:
    org, today = figures.org, forecast_day(figures.by_hour, figures.at)
    lines = [
        f"- **{closed.scope.capitalize()} are stopped**: Salesforce refused them at {closed.closed_at:%H:%M} UTC; "
        f"one request tries again after {closed.until:%Y-%m-%d %H:%M} UTC."
        for closed in figures.breakers
    ]
    share = f" of {day_allowance(rules, org):,}" if org else ""
    lines.append(
        f"- Today (UTC): {today.so_far:,} requests so far, about {today.in_all:,}{share} by midnight if it goes on as "
        "in the last three hours."
    )
    if org:
        share = f"{org.used / max(org.allowed, 1):.0%}"
        lines.append(
            f"- The org as a whole, all programs: {org.used:,} of {org.allowed:,} ({share}) at {org.seen_at:%H:%M} "
            f"UTC; nothing is sent above {rules.stop_when_org_used:.0f}%."
        )
    if org and org.app_allowed is not None:
        lines.append(f"- This app by Salesforce's count: {org.app_used:,} of {org.app_allowed:,}.")
    logins = sum(number for (_, kind), number in figures.day.items() if kind == "login")
    lines.append(f"- Logins in the last 24 hours: {logins:,}.")
    return lines


def _shares(figures: BudgetFigures, rules: BudgetRules) -> list[str]:
    hour, day = by_flow(figures.hour), by_flow(figures.day)
    allowed = day_allowance(rules, figures.org) if figures.org else None
    lines = ["| flow | last hour | kept for it | last 24 hours | kept for it |", "| --- | ---: | ---: | ---: | ---: |"]
    for flow in sorted({*rules.reservations, *day}):
        kept = rules.reservations.get(flow)
        of_hour = f"{kept.of_hour(rules.requests_per_hour):,}" if kept else ""
        of_day = f"{kept.of_day(allowed):,}" if kept and allowed is not None else ""
        lines.append(f"| {flow} | {hour.get(flow, 0):,} | {of_hour} | {day.get(flow, 0):,} | {of_day} |")
    of_all = "" if allowed is None else f" of {allowed:,}"
    used_hour, used_day = sum(hour.values()), sum(day.values())
    return [*lines, f"| **all** | {used_hour:,} of {rules.requests_per_hour:,} | | {used_day:,}{of_all} | |"]


def _kinds(figures: BudgetFigures) -> list[str]:
    lines = ["| flow | kind of request | last hour | last 24 hours |", "| --- | --- | ---: | ---: |"]
    for flow, kind in sorted(figures.day):
        hour, day = figures.hour.get((flow, kind), 0), figures.day[flow, kind]
        lines.append(f"| {flow} | {kind} | {hour:,} | {day:,} |")
    return lines


def _runs(runs: list[RunCost]) -> list[str]:
    lines = ["| run | began (UTC) | forecast | made |", "| --- | --- | ---: | ---: |"]
    return lines + [
        f"| {run.flow} | {run.started_at:%Y-%m-%d %H:%M} | {run.forecast:,} | {run.used:,} |" for run in runs
    ]


def _chart(by_hour: Mapping[datetime, int]) -> list[str]:
    """Return a Mermaid chart of the requests in each clock hour; an SVG would not be drawn in the UI."""
    settings = json.dumps({"theme": "base", "themeVariables": _ON_DARK})
    hours = ", ".join(f'"{start:%H}"' for start in by_hour)
    return [
        "```mermaid",
        f"%%{{init: {settings}}}%%",
        "xychart-beta",
        '    title "Requests in each hour (UTC)"',
        f"    x-axis [{hours}]",
        f'    y-axis "requests" 0 --> {max(10, *by_hour.values())}',
        f"    bar [{', '.join(str(requests) for requests in by_hour.values())}]",
        "```",
    ]
