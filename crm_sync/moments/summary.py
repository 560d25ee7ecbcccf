"""What an export of contact moments did and left, in one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import add

from crm_sync.moments.due import DueCount
from crm_sync.moments.forecast import MomentForecast, counted_requests, forecast, through_at
from crm_sync.moments.results import RefusedMoment, TriedCount
from crm_sync.outcomes import RefusalClass
from crm_sync.sobject import SObject

# What is refused for now, and goes by itself.
_WAITS_FOR_PULL = {RefusalClass.TARGET_DELETED.value, RefusalClass.CONVERTED.value}
_GOES_AGAIN = {RefusalClass.TRANSIENT.value, RefusalClass.LIMIT.value}


@dataclass(frozen=True)
class Backlog:
    """What waits: so many moments, the longest since then; through by then at the present budget, if that is short."""

    moments: int = 0
    since: datetime | None = None
    requests: int = 0
    through_at: datetime | None = None

    def sentence(self) -> str:
        """Say how many wait, since when, and until when; empty when none does."""
        if not self.moments:
            return ""
        said = f"{self.moments:,} contact moments wait"
        if self.since is not None:
            said += f", the first since {self.since:%Y-%m-%d %H:%M} UTC"
        if self.through_at is not None:
            said += (
                f"; at the present budget they will be through by about {self.through_at:%Y-%m-%d %H:%M} UTC "
                f"({counted_requests(self.requests)})"
            )
        return said


def backlog(due: Mapping[SObject, DueCount], *, possible_from: datetime | None = None, an_hour: int = 1) -> Backlog:
    """Return what is due now as a backlog.

    With the moment from which requests are possible again, and how many `an_hour`, also when it will be through.
    """
    moments = sum(count.due for count in due.values())
    since = min((count.since for count in due.values() if count.since), default=None)
    if possible_from is None or not moments:
        return Backlog(moments, since)
    requests = forecast({sobject: count.due for sobject, count in due.items()}, {}).requests
    through = through_at(requests, possible_from=possible_from, an_hour=an_hour)
    return Backlog(moments, since, requests, through)


@dataclass(frozen=True)
class MomentExportSummary:
    """The outcome of an export. `refusals` lists (object, RefusalClass, code, moments) of this run's last tries,
    `refused_moments` some of them one by one, `refused_in_all` counts what stands refused from this run and earlier
    ones; `without_record` waits for its customer to have a lead or contact, `left` for another run. `limit`: why the
    run was cut, if it was."""

    forecast: MomentForecast
    counts: Mapping[SObject, TriedCount]
    refusals: list[tuple[str, str, str, int]]
    refused_in_all: int
    without_record: Backlog
    left: Backlog
    requests_used: int
    seconds: float
    dry_run: bool = False
    limit: str = ""
    refused_moments: list[RefusedMoment] = field(default_factory=list)

    @property
    def total(self) -> TriedCount:
        """Both objects together."""
        return reduce(add, self.counts.values(), TriedCount())

    @property
    def written(self) -> int:
        """How many moments Salesforce took."""
        return self.total.added + self.total.updated

    @property
    def moments_per_second(self) -> float:
        """How fast moments were written."""
        return self.written / self.seconds if self.seconds else 0.0

    @property
    def to_repeat(self) -> int:
        """Refused for locks and the like; the next run writes them again."""
        return self._refused(_GOES_AGAIN)

    @property
    def waiting_for_pull(self) -> int:
        """Refused since their lead or contact was deleted, merged or converted after the last pull."""
        return self._refused(_WAITS_FOR_PULL)

    @property
    def refused(self) -> int:
        """Refused by this run for their values or for a permission."""
        return self.total.refused - self.to_repeat - self.waiting_for_pull

    @property
    def state(self) -> str:
        """What a person should know first."""
        if self.limit:
            return "CutByLimit"
        if self.dry_run:
            return "DryRun"
        if self.total.refused:
            return "CompletedWithRefusals"
        return "CutByCap" if self.left.moments else "Completed"

    def sentence(self) -> str:
        """Say what happened in one sentence."""
        if self.dry_run:
            return f"{self.forecast.sentence()}; nothing was written{self._no_record()}."
        total = self.total
        said = (
            f"{total.added:,} contact moments added to Salesforce and {total.updated:,} updated in "
            f"{self.seconds:.1f} s with {counted_requests(self.requests_used)}"
        )
        if self.refused:
            said += f"; {self.refused:,} were refused (see moment_export)"
        if self.waiting_for_pull:
            said += f"; {self.waiting_for_pull:,} wait for the next pull, as their lead or contact has changed"
        if self.to_repeat:
            said += f"; {self.to_repeat:,} are tried again by the next run"
        if self.left.moments > self.to_repeat:
            said += f"; {self.left.sentence()}"
        if self.limit:
            said = f"{self.limit.rstrip('.')}; {said}"
        return f"{said}{self._no_record()}."

    def _refused(self, classes: set[str]) -> int:
        return sum(moments for _, row_class, _, moments in self.refusals if row_class in classes)

    def _no_record(self) -> str:
        moments = self.without_record.moments
        return f"; {moments:,} wait until their customer has a lead or contact" if moments else ""
