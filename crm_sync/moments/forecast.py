"""The cost of an export before it starts, and the time at which the waiting moments will be through."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm_sync.errors import LimitReachedError
from crm_sync.moments.due_store import DueCount
from crm_sync.runs.counts import counted
from crm_sync.salesforce.write.plan import WriteLoad, plan_writes
from crm_sync.sobject import SObject

# One Bulk job's worth; more would only fill memory.
MOMENTS_AT_ONCE = 100_000
# Salesforce counts 2 KB of data storage for a record of a custom object, whatever its values.
_RECORD_BYTES = 2_048
# Salesforce does not say when a used-up day takes requests again; each hour gives some back.
_PERHAPS_AGAIN = timedelta(hours=1)


@dataclass(frozen=True)
class MomentForecast:
    """The cost of writing at most: `due` records, of which `new` add to the records that Salesforce holds."""

    due: int
    new: int
    requests: int

    @property
    def storage_mb(self) -> float:
        """Data storage that the new records take in Salesforce."""
        return self.new * _RECORD_BYTES / 1_000_000

    def sentence(self) -> str:
        """Return the cost in one sentence."""
        if not self.due:
            return "No contact moment has to go to Salesforce"
        return (
            f"{self.due:,} contact moments have to go to Salesforce, {self.new:,} of them new: at most "
            f"{counted(self.requests, 'request')} without repeats, and {self.storage_mb:,.1f} MB of Salesforce's data "
            "storage"
        )


def forecast(due: Mapping[SObject, DueCount], most: int | None = None, *, polls: int = 1) -> MomentForecast:
    """Return the cost of writing the due moments, or the first `most` of them.

    `polls`: how often a Bulk job is asked before it has ended.
    """
    waiting, new = sum(count.due for count in due.values()), sum(count.new for count in due.values())
    total = waiting if most is None else min(most, waiting)
    contacts = due[SObject.CONTACT].due if SObject.CONTACT in due else 0
    requests = 0
    for start in range(0, total, MOMENTS_AT_ONCE):
        stop = min(start + MOMENTS_AT_ONCE, total)
        # Contacts are read before leads.
        of_contacts = min(stop, contacts) - min(start, contacts)
        numbers = {SObject.CONTACT: of_contacts, SObject.LEAD: stop - start - of_contacts}
        loads = [WriteLoad(sobject, number, is_upsert=True) for sobject, number in numbers.items()]
        requests += plan_writes(loads, polls=polls).requests
    return MomentForecast(total, min(total, round(new * total / max(waiting, 1))), requests)


@dataclass(frozen=True)
class Backlog:
    """Moments that wait: their number, since when the longest waits, and when they are through, if that is known."""

    moments: int = 0
    since: datetime | None = None
    requests: int = 0
    through_at: datetime | None = None

    def sentence(self) -> str:
        """Return the backlog in one sentence; empty without one."""
        if not self.moments:
            return ""
        said = f"{self.moments:,} contact moments wait"
        if self.since is not None:
            said += f", the first since {self.since:%Y-%m-%d %H:%M} UTC"
        if self.through_at is not None:
            said += (
                f"; at the present budget they will be through by about {self.through_at:%Y-%m-%d %H:%M} UTC "
                f"({counted(self.requests, 'request')})"
            )
        return said


def backlog(due: Mapping[SObject, DueCount], *, possible_from: datetime | None = None, an_hour: int = 1) -> Backlog:
    """Return the due moments as a backlog.

    With the time from which requests are possible again, and how many `an_hour`, also when it will be through.
    """
    moments = sum(count.due for count in due.values())
    since = min((count.since for count in due.values() if count.since), default=None)
    if possible_from is None or not moments:
        return Backlog(moments, since)
    requests = forecast(due).requests
    return Backlog(moments, since, requests, possible_from + timedelta(hours=requests // an_hour))


def possible_from(now: datetime, *limits: LimitReachedError) -> datetime:
    """Return when requests are possible again: by the first limit that knows it, or else in an hour."""
    return next((limit.until for limit in limits if limit.until), now + _PERHAPS_AGAIN)
