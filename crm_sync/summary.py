"""What a run did, in one value: for the caller in Python, the artifact in the UI and the run's record."""

from dataclasses import dataclass, field
from functools import reduce
from operator import add

import pandas as pd

from crm_sync.counts import Counts
from crm_sync.mapping import SObject


@dataclass(frozen=True)
class SyncSummary:
    """The outcome of a pull. `seconds` is wall time; `rejects` lists (sObject, reason, records),
    `reject_examples` some of them as (Id, reason); `full_sync_due` says why, by object; `changes` is what a dry run
    found (`crm_sync.customers.preview`)."""

    counts: dict[SObject, Counts]
    requests_used: int
    seconds: float
    rejects: list[tuple[str, str, int]] = field(default_factory=list)
    reject_examples: list[tuple[str, str]] = field(default_factory=list)
    org_host: str = ""
    resumed: list[SObject] = field(default_factory=list)
    missing_fields: dict[SObject, list[str]] = field(default_factory=dict)
    full_sync_due: dict[SObject, str] = field(default_factory=dict)
    changes: pd.DataFrame | None = None

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
        """What a person should know first: complete, or what is missing to it."""
        if self.changes is not None:
            return "DryRun"
        if self.full_sync_due:
            return "FullSyncDue"
        if self.rejected:
            return "CompletedWithRejects"
        return "CompletedWithMissingFields" if any(self.missing_fields.values()) else "Completed"

    def sentence(self) -> str:
        """Say what happened in one sentence."""
        total = self.total
        changed = "no customer changed"
        if self.changes is not None:
            changed = f"{self.changes['salesforce_id'].nunique():,} customers would change, nothing was written"
        elif total.written:
            changed = f"{total.inserted:,} customers added, {total.updated:,} updated"
        requests = "1 request" if self.requests_used == 1 else f"{self.requests_used} requests"
        said = f"{total.read:,} records read in {self.seconds:.1f} s with {requests}; {changed}"
        if self.rejected:
            records = "1 record" if self.rejected == 1 else f"{self.rejected:,} records"
            said += f"; {records} could not be used (see rejected_record)"
        for sobject, names in self.missing_fields.items():
            said += f"; {sobject} no longer shows {', '.join(names)}" if names else ""
        for sobject, reason in self.full_sync_due.items():
            said += f"; a full sync of {sobject} is due, because {reason}"
        return said + "."
