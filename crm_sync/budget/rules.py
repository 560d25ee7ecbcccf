"""How many requests each flow may make: the product's hour, this integration's day, the org's day, and the shares.

A share is kept for a flow, not taken from it: others may use the whole budget but for what is kept and not yet used.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
_HOURS_A_DAY = DAY // HOUR

# Flows whose work comes in thousands of requests and can wait; the others are never behind them in the queue.
BACKGROUND = frozenset({"full_sync", "contact_moment_export"})

# Flows that go on with the work of another one, and use what is kept for it.
_IN_PLACE_OF = {"retry_outputs": "campaign_push"}


@dataclass(frozen=True)
class Kept:
    """What no other flow may use, as shares of the hour and of the day."""

    hour: float = 0.0
    day: float = 0.0


# Small in the hour, for at the shared pace nobody waits long; larger in the day, which can be used up by noon.
_KEPT = {"incremental_pull": Kept(hour=0.01, day=0.05), "campaign_push": Kept(hour=0.02, day=0.1)}


@dataclass(frozen=True)
class BudgetRules:
    """The settings. `share_of_day`: how much of the org's allocation is ours; `stop_at`: when the org has used so
    much of it, all programs together, nothing more is sent."""

    per_hour: int = 3600
    share_of_day: float = 0.5
    stop_at: float = 0.8
    kept: Mapping[str, Kept] = field(default_factory=lambda: dict(_KEPT))
    # Only a test has another hour.
    hour: timedelta = HOUR


@dataclass(frozen=True)
class OrgUsage:
    """What the org's last answer said of its rolling 24 hours; the app's own limit is seldom there."""

    used: int
    allowed: int
    seen_at: datetime
    app_used: int | None = None
    app_allowed: int | None = None
    is_bursting: bool = False


@dataclass(frozen=True)
class Use:
    """Requests by flow: those of the last hour and those of the last 24."""

    hour: Mapping[str, int]
    day: Mapping[str, int]


def share_of(flow: str) -> str:
    """Return for which flow the share is kept that `flow` uses."""
    return _IN_PLACE_OF.get(flow, flow)


def hour_headroom(rules: BudgetRules, flow: str, use: Use) -> int:
    """Return how many more requests `flow` may make in this hour; negative when others are over."""
    return rules.per_hour - sum(use.hour.values()) - _kept_for_others(rules, flow, use.hour, rules.per_hour, "hour")


def day_allowance(rules: BudgetRules, org: OrgUsage) -> int:
    """Return how many requests this integration may make in 24 hours."""
    return int(org.allowed * rules.share_of_day)


def day_room(rules: BudgetRules, flow: str, use: Use, org: OrgUsage) -> int:
    """Return how many more requests `flow` may make of this integration's share of the day."""
    allowed = day_allowance(rules, org)
    return allowed - sum(use.day.values()) - _kept_for_others(rules, flow, use.day, allowed, "day")


def org_room(rules: BudgetRules, flow: str, use: Use, org: OrgUsage) -> int:
    """Return how many more requests `flow` may make before the org as a whole, or the app, has used too much.

    Rule: REST guide, "Limit Info header"; `api-bursts` means that the org is over its allocation already.
    """
    if org.is_bursting:
        return 0
    kept = _kept_for_others(rules, flow, use.day, day_allowance(rules, org), "day")
    room = int(org.allowed * rules.stop_at) - org.used - kept
    if org.app_allowed is not None and org.app_used is not None:
        room = min(room, org.app_allowed - org.app_used)
    return room


def sustained_rate(rules: BudgetRules, flow: str, org: OrgUsage | None) -> int:
    """Return how many requests an hour `flow` can count on when the others use all that is kept for them.

    Of a rolling day, each hour gives back an even part; without the org's figures only the hour counts.
    """
    pace = hour_headroom(rules, flow, Use({}, {}))
    if org is not None:
        pace = min(pace, day_room(rules, flow, Use({}, {}), org) // _HOURS_A_DAY)
    return max(pace, 1)


def _kept_for_others(rules: BudgetRules, flow: str, used: Mapping[str, int], allowed: int, span: str) -> int:
    shares = {other: getattr(kept, span) for other, kept in rules.kept.items() if other != share_of(flow)}
    made: Counter[str] = Counter()
    for other, requests in used.items():
        made[share_of(other)] += requests
    return sum(max(0, round(allowed * share) - made[other]) for other, share in shares.items())
