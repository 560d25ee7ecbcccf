"""One field's trouble is one field's: a moment goes without the fields that Salesforce refuses, and says so."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from crm_sync.outcomes import RefusalClass
from crm_sync.salesforce.errors.row_refusals import CONTRADICTIONS
from crm_sync.salesforce.write.records import CLEAR, RecordWrites

_OF_FIELDS = (RefusalClass.PERMISSION, RefusalClass.DATA, RefusalClass.AUTOMATION, RefusalClass.UNKNOWN)
_WHY = ["refusal", "error_code", "error_message"]
_NOTHING = pd.DataFrame(columns=_WHY, dtype="str")


@dataclass
class LeftOutFields:
    """What a run has left out so far: `number`, the moments that lost a value, by field. `needed`: the fields without
    which a moment cannot be written. The rest is by record of the batch at work, and by object and field for what all
    of its records lack."""

    needed: Collection[str]
    number: Counter[str] = field(default_factory=Counter)
    _why: pd.DataFrame = field(default_factory=lambda: _NOTHING)
    _gone: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _looked_at: set[str] = field(default_factory=set)

    def begin_batch(self) -> None:
        """Forget the records of the batch before, whose index comes again."""
        self._why = _NOTHING

    def without(self, writes: RecordWrites) -> RecordWrites:
        """Return records without the fields that this run knows to be refused of all records of their object."""
        for (sobject, name), why in self._gone.items():
            if sobject == writes.sobject and name in writes.records:
                writes = self._leave(writes, name, pd.Series(True, index=writes.records.index), why)
        return writes

    def needs_look(self, writes: RecordWrites, results: pd.DataFrame) -> bool:
        """Return whether an object is not as it was and Salesforce does not say where; it is looked at once."""
        is_news = writes.sobject not in self._looked_at and self._contradicted(writes, results).any()
        self._looked_at |= {writes.sobject} if is_news else set()
        return bool(is_news)

    def lack(self, sobject: str, names: Collection[str]) -> None:
        """Leave fields out of all records of an object from now on."""
        for name in names:
            said = f"Salesforce does not take {name} as it is now."
            why = {"refusal": RefusalClass.PERMISSION.value, "error_code": "INVALID_FIELD", "error_message": said}
            if name not in self.needed:
                self._gone[sobject, name] = why

    def _contradicted(self, writes: RecordWrites, results: pd.DataFrame) -> pd.Series:
        own = results.reindex(writes.records.index)
        is_about_fields = own["refusal"].isin(_OF_FIELDS) & own["error_fields"].isna()
        return own["error_code"].str.upper().isin(CONTRADICTIONS) & is_about_fields

    def repeat(self, writes: RecordWrites, results: pd.DataFrame) -> RecordWrites:
        """Return the records whose refusals name fields that are not needed, without these fields."""
        if results.empty:
            return writes.part(0, 0)
        refused = results[~results["success"] & results["refusal"].isin(_OF_FIELDS)]
        again = writes.where(pd.Series(writes.records.index.isin(refused.index), index=writes.records.index))
        refused = refused.reindex(again.records.index)
        lacks = any(sobject == writes.sobject and name in writes.records for sobject, name in self._gone)
        was_named = self._contradicted(again, results) & lacks
        for name in [str(name) for name in again.records.columns if name not in self.needed]:
            is_named = refused["error_fields"].str.contains(f",{name.lower()},", regex=False, na=False)
            is_named &= again.records[name].notna()
            if is_named.any():
                first = refused.loc[is_named].iloc[0]
                why = {part: first[part] for part in _WHY}
                if str(why["error_code"]).upper() in CONTRADICTIONS:
                    self._gone[again.sobject, name] = why
                again = self._leave(again, name, is_named, why)
                was_named |= is_named
        return again.where(was_named)

    def explained(self, results: pd.DataFrame) -> pd.DataFrame:
        """Return results in which a record that was written without a value is refused for it, with `was_written`."""
        is_partly = results["success"] & results.index.isin(self._why.index)
        why = self._why.reindex(results.index)
        columns = {name: results[name].mask(is_partly, why[name]) for name in _WHY}
        return results.assign(was_written=results["success"], **columns)

    def _leave(self, writes: RecordWrites, name: str, where: pd.Series, why: dict[str, Any]) -> RecordWrites:
        """Return records without a field; of those that have a value in it, keep why."""
        values = writes.records[name]
        lost = values.index[where & values.notna() & values.ne(CLEAR)]
        if len(lost):
            self.number[name] += len(lost)
        new = pd.DataFrame(why, index=lost.difference(self._why.index), columns=_WHY, dtype="str")
        self._why = pd.concat([self._why, new])
        left = values.mask(where)
        records = writes.records.assign(**{name: left}) if left.notna().any() else writes.records.drop(columns=name)
        return replace(writes, records=records)
