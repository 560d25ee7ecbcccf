"""Records that Salesforce refused for now: which of them are written again, how soon, and with how many others."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from crm_sync.outcomes import RefusalClass
from crm_sync.salesforce.write.options import WriteOptions
from crm_sync.salesforce.write.plan import WritePlan, WriteWay
from crm_sync.salesforce.write.records import RecordWrites, fits_csv

# Seconds before records that were refused for a lock or by a busy server are written again.
RETRY_AFTER = (2.0, 10.0, 30.0)
_TOO_LARGE = "HTTP 413"
_LOCKED = "UNABLE_TO_LOCK_ROW|TooManyLockFailure"


@dataclass
class Tries:
    """What has been tried of some records, and how the rest is written next."""

    options: WriteOptions
    _pauses: list[float] = field(default_factory=lambda: list(RETRY_AFTER))
    _later: set[Any] = field(default_factory=set)
    _fewer: set[Any] = field(default_factory=set)
    _were_too_many: set[Any] = field(default_factory=set)
    _by_call: set[Any] = field(default_factory=set)
    _are_locked: bool = False
    _are_too_large: bool = False

    def by_way(self, group: Sequence[RecordWrites], plan: WritePlan) -> tuple[list[RecordWrites], list[RecordWrites]]:
        """Return the records for Bulk jobs and those for collections: besides the plan, what a CSV or a job cannot
        do."""
        by_job, by_call = [], []
        for one in group:
            if plan.ways[one.sobject] is WriteWay.COLLECTIONS:
                by_call.append(one)
                continue
            fits = fits_csv(one) & ~one.records.index.isin(self._by_call)
            by_job += [one.where(fits)] if fits.any() else []
            by_call += [one.where(~fits)] if not fits.all() else []
        if self.options.save_despite_alerts:
            self._by_call |= {label for one in by_call for label in one.records.index}
        return by_job, by_call

    def are_tried_again(self, results: pd.DataFrame) -> pd.Series:
        """Return which of these records are written again, and keep how."""
        too_large = results["error_code"].eq(_TOO_LARGE) & (self.options.calls > 1)
        too_many = results["refusal"].eq(RefusalClass.TOO_MANY) & (self.options.at_once > 1) | too_large
        later = results["refusal"].eq(RefusalClass.TRANSIENT) & bool(self._pauses)
        # A Bulk job knows no header about duplicates.
        alerted = results["error_code"].eq("DUPLICATES_DETECTED") & self.options.save_despite_alerts
        alerted &= ~results.index.isin(self._by_call)
        self._fewer |= set(results.index[too_many])
        self._are_too_large |= bool(too_large.any())
        self._by_call |= set(results.index[alerted])
        self._later |= set(results.index[later | alerted])
        for name in ("error_code", "error_message"):
            self._are_locked |= bool(results.loc[later, name].str.contains(_LOCKED, na=False).any())
        return too_many | later | alerted

    def has_found_size(self, results: pd.DataFrame) -> bool:
        """Return whether Salesforce has now taken one of the records that were too many before, for the first time."""
        found = self._were_too_many and bool(results.index[results["success"].eq(True)].isin(self._were_too_many).any())
        if found:
            self._were_too_many = set()
        return bool(found)

    def next_try(self) -> tuple[set[Any], float | None]:
        """Return the records to write next and the seconds to wait before, None for at once."""
        labels, pause = self._later | self._fewer, None
        if self._are_too_large:
            self.options = replace(self.options, calls=1)
        elif self._fewer:
            at_once = max(1, min(self.options.at_once, len(self._fewer)) // 2)
            self.options = replace(self.options, at_once=at_once)
            self._were_too_many |= self._fewer
        elif labels:
            pause = self._pauses.pop(0) if self._pauses else None
            if self._are_locked:
                # Fewer records together meet fewer others at their parents' locks.
                self.options = replace(self.options, at_once=max(1, self.options.at_once // 2))
        self._later, self._fewer, self._are_locked, self._are_too_large = set(), set(), False, False
        return labels, pause
