"""What an export would cost before it starts, and when what waits will be through."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from crm_sync.salesforce.write.plan import WriteLoad, plan_writes
from crm_sync.sobject import SObject

# One Bulk job's worth; more would only fill memory.
MOMENTS_AT_ONCE = 100_000
# Salesforce counts 2 KB of data storage for a record of a custom object, whatever is in it.
_RECORD_BYTES = 2_048


@dataclass(frozen=True)
class MomentForecast:
    """What writing costs at most: `due` records, of which `new` make Salesforce hold more.

    `by_object`: how many of each object are waiting, also when a run writes fewer.
    """

    due: int
    new: int
    requests: int
    by_object: Mapping[SObject, int] = field(default_factory=dict)

    @property
    def storage_mb(self) -> float:
        """Data storage that the new records take in Salesforce."""
        return self.new * _RECORD_BYTES / 1_000_000

    def sentence(self) -> str:
        """Say what it costs."""
        if not self.due:
            return "No contact moment has to go to Salesforce"
        return (
            f"{self.due:,} contact moments have to go to Salesforce, {self.new:,} of them new: at most "
            f"{counted_requests(self.requests)} without repeats, and {self.storage_mb:,.1f} MB of Salesforce's data "
            "storage"
        )


def counted_requests(number: int) -> str:
    """Return a number of requests in words."""
    return f"{number:,} request{'' if number == 1 else 's'}"


def forecast(
    due: Mapping[SObject, int], new: Mapping[SObject, int], most: int | None = None, *, polls: int = 1
) -> MomentForecast:
    """Return the cost of writing so many moments of each object, or the first `most` of them.

    `polls`: how often a Bulk job is asked before it has ended.
    """
    left = sum(due.values()) if most is None else min(most, sum(due.values()))
    share = left / max(sum(due.values()), 1)
    requests, waiting = 0, {sobject: due.get(sobject, 0) for sobject in (SObject.CONTACT, SObject.LEAD)}
    total = left
    while left > 0:
        room, loads = min(MOMENTS_AT_ONCE, left), []
        for sobject, moments in waiting.items():
            taken = min(moments, room)
            waiting[sobject] -= taken
            room -= taken
            loads.append(WriteLoad(sobject, taken, is_upsert=True))
        requests += plan_writes(loads, polls=polls).requests
        left -= sum(load.records for load in loads)
    rounded = min(total, round(sum(new.values()) * share))
    return MomentForecast(due=total, new=rounded, requests=requests, by_object=due)


def most_within(cost: MomentForecast, requests: int, *, polls: int = 1) -> int:
    """Return how many of the due moments so many requests can write."""
    numbers = range(1, cost.due + 1)
    return bisect_right(numbers, requests, key=lambda most: forecast(cost.by_object, {}, most, polls=polls).requests)


def through_at(requests: int, *, possible_from: datetime, an_hour: int) -> datetime:
    """Return when so many requests can be made from then on, with so many an hour."""
    return possible_from + timedelta(hours=requests // an_hour)
