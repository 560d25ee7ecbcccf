"""What an export would cost before it starts, and when what waits will be through."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm_sync.mapping import SObject
from crm_sync.write_plan import WriteLoad, plan_writes

# One Bulk job's worth; more would only fill memory.
MOMENTS_AT_ONCE = 100_000
# Salesforce counts 2 KB of data storage for a record of a custom object, whatever is in it.
_RECORD_BYTES = 2_048
# The product's promise for any rolling hour.
_REQUESTS_AN_HOUR = 3600


@dataclass(frozen=True)
class MomentForecast:
    """What writing costs at most: `due` records, of which `new` make Salesforce hold more."""

    due: int
    new: int
    requests: int

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


def forecast(due: Mapping[SObject, int], new: Mapping[SObject, int], most: int | None = None) -> MomentForecast:
    """Return the cost of writing so many moments of each object, or the first `most` of them."""
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
        requests += plan_writes(loads).requests
        left -= sum(load.records for load in loads)
    return MomentForecast(due=total, new=min(total, round(sum(new.values()) * share)), requests=requests)


def through_at(requests: int, *, possible_from: datetime, allowed_a_day: int | None) -> datetime:
    """Return when so many requests can be made, in whole hours' budgets from then on.

    `allowed_a_day`: the org's allocation, of which a rolling day gives back an even part each hour.
    """
    an_hour = _REQUESTS_AN_HOUR if allowed_a_day is None else min(_REQUESTS_AN_HOUR, max(allowed_a_day // 24, 1))
    return possible_from + timedelta(hours=requests // an_hour)
