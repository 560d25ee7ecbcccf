"""What a run did, in one value: for the caller in Python, the artifact in the UI and the run's record."""

from dataclasses import dataclass, field
from functools import reduce
from operator import add

import pandas as pd

from crm_sync.consent_words import Channel
from crm_sync.holds.rule import HeldChange
from crm_sync.runs.counts import Counts, counted
from crm_sync.runs.states import RunState
from crm_sync.sobject import SObject


@dataclass(frozen=True)
class SyncSummary:
    """The outcome of a pull. `seconds` is wall time; `rejects` lists (sObject, reason, records),
    `reject_examples` some of them as (Id, reason); `full_sync_due` says why, by object; `changes` is what a dry run
    found (`crm_sync.customers.preview`); `left_out` says why an object was not read; `of_before` customers were left
    behind by a new start."""

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
    held_back: int = 0
    many_noes: int = 0
    held: list[HeldChange] = field(default_factory=list)
    hidden_consent: dict[SObject, list[Channel]] = field(default_factory=dict)
    left_out: dict[SObject, str] = field(default_factory=dict)
    of_before: int = 0

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
    def state(self) -> RunState:
        """What a person should know first: complete, or what is missing to it."""
        if self.changes is not None:
            return RunState.DRY_RUN
        if self.hidden_consent:
            return RunState.OPT_OUTS_UNKNOWN
        if self.held_back or self.held:
            return RunState.NEEDS_APPROVAL
        if self.full_sync_due:
            return RunState.FULL_SYNC_DUE
        if self.rejected:
            return RunState.WITH_REJECTS
        is_partial = self.left_out or any(self.missing_fields.values())
        return RunState.WITH_MISSING_FIELDS if is_partial else RunState.COMPLETED

    def sentence(self) -> str:
        """Say what happened in one sentence."""
        requests = counted(self.requests_used, "request")
        said = (
            f"{counted(self.total.read, 'record')} read in {self.seconds:.1f} s with {requests}; {self._what_changed}"
        )
        if self.rejected:
            said += f"; {counted(self.rejected, 'record')} could not be used"
        for sobject, names in self.missing_fields.items():
            said += f"; {sobject} does not show {', '.join(names)}" if names else ""
        for sobject, why in self.left_out.items():
            said += f"; {sobject} was left out: {why}"
        if self.total.conflicts:
            said += f"; {counted(self.total.conflicts, 'field')} changed here too, where Salesforce won"
        for sobject in self.hidden_consent:
            said += f"; it is not known any more which {sobject.lower()}s said no, so they are not mailable"
        for change in self.held:
            said += f"; {counted(change.customers, 'customer')} {change.words}, which waits for somebody's approval"
        if self.held_back:
            said += f"; {counted(self.held_back, 'person')} would be mailed again, which waits for somebody's approval"
        if self.many_noes:
            said += f"; {self.many_noes:,} noes were said, more than usual; all of them stand"
        for reason in dict.fromkeys(self.full_sync_due.values()):
            objects = " and ".join(sobject for sobject, why in self.full_sync_due.items() if why == reason)
            said += f"; a full sync of {objects} is due, because {reason}"
        return said + "."

    @property
    def _what_changed(self) -> str:
        total = self.total
        if self.changes is not None:
            return f"{counted(self._would_change, 'customer')} would change, nothing was written"
        changed = "no customer changed"
        if total.written or total.deleted:
            changed = f"{counted(total.inserted, 'customer')} added, {total.updated:,} updated"
            changed += f", {counted(total.deleted, 'record')} deleted in Salesforce" if total.deleted else ""
        if self.of_before:
            behind = f"{counted(self.of_before, 'customer')} of the org before did not come again"
            changed = (f"{changed}; " if total.written else "") + f"{behind}: marked as deleted, no longer mailed"
        return changed

    @property
    def _would_change(self) -> int:
        """Customers that a dry run found: known ones by their id, new ones by the record that makes them."""
        if self.changes is None:
            return 0
        return len(self.changes[["customer", "salesforce_id"]].drop_duplicates())
