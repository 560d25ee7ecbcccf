"""How many requests each flow may make: the hour, this integration's share of the day, the org's day.

A reservation is for one flow; the others may use everything but what of it is not used yet.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from pydantic import BaseModel, Field, model_validator

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
_HOURS_A_DAY = DAY // HOUR
_ALL = 100  # percent

# Flows whose work comes in thousands of requests and can wait; the others never queue behind them.
BACKGROUND = frozenset({"full_sync", "contact_moment_export"})

# Flows that continue the work of another one, and use its reservation.
_IN_PLACE_OF = {"retry_outputs": "campaign_push"}


class Reservation(BaseModel):
    """Requests that no other flow may use."""

    hour: float = Field(default=0, ge=0, le=_ALL, title="Of the hour, in percent")
    day: float = Field(default=0, ge=0, le=_ALL, title="Of this integration's day, in percent")

    def of_hour(self, allowed: int) -> int:
        """Return how many of the hour's requests are reserved."""
        return round(allowed * (self.hour / _ALL))

    def of_day(self, allowed: int) -> int:
        """Return how many of the day's requests are reserved."""
        return round(allowed * (self.day / _ALL))


class BudgetRules(BaseModel):
    """The budget that this integration keeps to by itself, below the limits of Salesforce.

    The default reservations are small in the hour, for at the shared pace nobody waits long, and larger in the day,
    which can be used up by noon.
    """

    requests_per_hour: int = Field(
        default=3600,
        ge=10,
        le=3600,
        title="Requests per hour",
        description="Of all flows together, in any 60 minutes.",
    )
    share_of_day: float = Field(
        default=50,
        gt=0,
        le=_ALL,
        title="Share of the day, in percent",
        description="How much of the requests that Salesforce allows the org in 24 hours this integration may use.",
    )
    stop_when_org_used: float = Field(
        default=80,
        gt=0,
        le=_ALL,
        title="Stop when the org has used, in percent",
        description="All programs together: above this nothing is sent, so that the others can go on.",
    )
    keep_for_pull: Reservation = Field(
        default=Reservation(hour=1, day=5), title="Kept for the incremental pull", description="No other flow uses it."
    )
    keep_for_push: Reservation = Field(
        default=Reservation(hour=2, day=10),
        title="Kept for the campaign push",
        description="No other flow uses it.",
    )
    keep_for_withdrawals: Reservation = Field(
        default=Reservation(hour=1, day=2),
        title="Kept for withdrawals of consent",
        description="Opt-outs on their way to Salesforce. No other flow uses it.",
    )
    keep_for_moments: Reservation = Field(
        default=Reservation(), title="Kept for contact moments", description="No other flow uses it."
    )

    @model_validator(mode="after")
    def _leaves_something(self) -> Self:
        for span in ("hour", "day"):
            if sum(getattr(reservation, span) for reservation in self.reservations.values()) >= _ALL:
                raise ValueError("What is kept for the flows has to leave something for the others.")
        return self

    @property
    def reservations(self) -> dict[str, Reservation]:
        """The reservations by flow."""
        return {
            "incremental_pull": self.keep_for_pull,
            "campaign_push": self.keep_for_push,
            "withdrawals": self.keep_for_withdrawals,
            "contact_moment_export": self.keep_for_moments,
        }


@dataclass(frozen=True)
class OrgUsage:
    """The org's rolling 24 hours by its last answer; the limit of a connected app is rarely part of it."""

    used: int
    allowed: int
    seen_at: datetime
    app_used: int | None = None
    app_allowed: int | None = None
    is_bursting: bool = False


@dataclass(frozen=True)
class RequestCounts:
    """Requests by flow: those of the last hour and those of the last 24."""

    hour: Mapping[str, int]
    day: Mapping[str, int]


_NONE = RequestCounts({}, {})


def reservation_owner(flow: str) -> str:
    """Return the flow whose reservation `flow` uses."""
    return _IN_PLACE_OF.get(flow, flow)


def hour_headroom(rules: BudgetRules, flow: str, counts: RequestCounts = _NONE) -> int:
    """Return how many more requests `flow` may make in this hour; negative when others are over."""
    reserved = {owner: kept.of_hour(rules.requests_per_hour) for owner, kept in rules.reservations.items()}
    return rules.requests_per_hour - sum(counts.hour.values()) - _left_to_others(flow, counts.hour, reserved)


def day_allowance(rules: BudgetRules, org: OrgUsage) -> int:
    """Return how many requests this integration may make in 24 hours."""
    return int(org.allowed * (rules.share_of_day / _ALL))


def day_headroom(rules: BudgetRules, flow: str, org: OrgUsage, counts: RequestCounts = _NONE) -> int:
    """Return how many more requests `flow` may make of this integration's share of the day."""
    allowed = day_allowance(rules, org)
    return allowed - sum(counts.day.values()) - _day_left_to_others(rules, flow, org, counts)


def org_headroom(rules: BudgetRules, flow: str, org: OrgUsage, counts: RequestCounts) -> int:
    """Return how many more requests `flow` may make before the org as a whole, or the app, has used too much.

    Rule: REST guide, "Limit Info header"; `api-bursts` means that the org is over its allocation already.
    """
    if org.is_bursting:
        return 0
    most = int(org.allowed * (rules.stop_when_org_used / _ALL))
    headroom = most - org.used - _day_left_to_others(rules, flow, org, counts)
    if org.app_allowed is not None and org.app_used is not None:
        headroom = min(headroom, org.app_allowed - org.app_used)
    return headroom


def sustained_rate(rules: BudgetRules, flow: str, org: OrgUsage | None) -> int:
    """Return how many requests an hour `flow` can count on when the others use their whole reservations.

    Of a rolling day, each hour gives back an even part; without the org's usage only the hour counts.
    """
    rate = hour_headroom(rules, flow)
    if org is not None:
        rate = min(rate, day_headroom(rules, flow, org) // _HOURS_A_DAY)
    return max(rate, 1)


def _day_left_to_others(rules: BudgetRules, flow: str, org: OrgUsage, counts: RequestCounts) -> int:
    allowed = day_allowance(rules, org)
    return _left_to_others(
        flow, counts.day, {owner: kept.of_day(allowed) for owner, kept in rules.reservations.items()}
    )


def _left_to_others(flow: str, made: Mapping[str, int], reserved: Mapping[str, int]) -> int:
    """Return how many requests of the other flows' reservations are not made yet."""
    by_owner: Counter[str] = Counter()
    for other, requests in made.items():
        by_owner[reservation_owner(other)] += requests
    return sum(
        max(0, requests - by_owner[owner]) for owner, requests in reserved.items() if owner != reservation_owner(flow)
    )
