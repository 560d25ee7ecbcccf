"""What a run did, in one value: for the caller in Python, the artifact in the UI and the run's record."""

from dataclasses import dataclass, field
from functools import reduce
from operator import add

from crm_sync.counts import Counts
from crm_sync.mapping import SObject


@dataclass(frozen=True)
class SyncSummary:
    """The outcome of a pull. `seconds` is wall time; `rejects` lists (sObject, reason, records),
    `reject_examples` some of them as (Id, reason)."""

    counts: dict[SObject, Counts]
    requests_used: int
    seconds: float
    rejects: list[tuple[str, str, int]] = field(default_factory=list)
    reject_examples: list[tuple[str, str]] = field(default_factory=list)
    org_host: str = ""
    resumed: list[SObject] = field(default_factory=list)
    missing_fields: dict[SObject, list[str]] = field(default_factory=dict)

    @property
    def total(self) -> Counts:
        """All objects together."""
        return reduce(add, self.counts.values(), Counts())

    @property
    def rejected(self) -> int:
        """Records that cannot be used, those of an earlier part of a resumed run included."""
        return max(self.total.rejected, sum(records for _, _, records in self.rejects))

    @property
    def records_per_second(self) -> float:
        """How fast records were read and stored."""
        return self.total.read / self.seconds if self.seconds else 0.0

    @property
    def state(self) -> str:
        """What a person should know first: complete, or complete with rejects or missing fields."""
        if self.rejected:
            return "CompletedWithRejects"
        return "CompletedWithMissingFields" if any(self.missing_fields.values()) else "Completed"

    def sentence(self) -> str:
        """Say what happened in one sentence."""
        total = self.total
        changed = "no customer changed"
        if total.written:
            changed = f"{total.inserted:,} customers added, {total.updated:,} updated"
        said = f"{total.read:,} records read in {self.seconds:.1f} s with {self.requests_used} requests; {changed}"
        if self.rejected:
            said += f"; {self.rejected:,} records could not be used (see rejected_record)"
        for sobject, names in self.missing_fields.items():
            said += f"; {sobject} no longer shows {', '.join(names)}" if names else ""
        return said + "."
