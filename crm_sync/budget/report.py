"""What the budget's page is made of: the requests made of those allowed, and what the rest of the day will take."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm_sync.budget.breaker import ClosedBreaker
from crm_sync.budget.rules import BudgetRules, OrgUsage, day_allowance

_RATE_HOURS = 3


@dataclass(frozen=True)
class RunCost:
    """What a run was forecast to take, and what it took."""

    flow: str
    started_at: datetime
    forecast: int
    used: int


@dataclass(frozen=True)
class BudgetFigures:
    """Requests by (flow, kind) of the last hour and the last 24 hours, by the clock hour in which they were made, the
    org's last usage, closed breakers, and recent runs with a forecast."""

    at: datetime
    hour: Mapping[tuple[str, str], int]
    day: Mapping[tuple[str, str], int]
    by_hour: Mapping[datetime, int]
    org: OrgUsage | None
    breakers: list[ClosedBreaker]
    runs: list[RunCost]


@dataclass(frozen=True)
class DayForecast:
    """Requests of today until midnight UTC: made so far, and in all when it goes on as in the last hours."""

    so_far: int
    in_all: int


def forecast_day(by_hour: Mapping[datetime, int], now: datetime) -> DayForecast:
    """Forecast today's requests from the requests by clock hour; the rate is that of this hour and the two before."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    so_far = sum(requests for start, requests in by_hour.items() if start >= midnight)
    last = sorted(start for start in by_hour if start <= now)[-_RATE_HOURS:]
    hours = (now - last[0]) / timedelta(hours=1) if last else 0
    rate = sum(by_hour[start] for start in last) / hours if hours else 0
    left = (midnight + timedelta(days=1) - now) / timedelta(hours=1)
    return DayForecast(so_far, so_far + round(rate * left))


def by_flow(requests: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """Return the requests of each flow, all kinds together."""
    flows: dict[str, int] = {}
    for (flow, _), number in requests.items():
        flows[flow] = flows.get(flow, 0) + number
    return flows


def budget_sentence(rules: BudgetRules, figures: BudgetFigures) -> str:
    """Say in one sentence how much is used."""
    hour, day, org = sum(figures.hour.values()), sum(figures.day.values()), figures.org
    verdict = "Requests are stopped" if figures.breakers else "Requests are within the limits"
    said = f"{verdict}: {hour:,} of {rules.requests_per_hour:,} requests in the last hour, {day:,}"
    if org is None:
        return said + " in the last 24 hours; what Salesforce allows is not known yet."
    ours = f"{said} of {day_allowance(rules, org):,} in the last 24 hours"
    return f"{ours}; the org as a whole {org.used:,} of {org.allowed:,}."
