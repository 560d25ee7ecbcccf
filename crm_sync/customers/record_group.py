"""Mapped records of one sObject, of which customers take values."""

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from crm_sync.sobject import SObject


@dataclass(frozen=True)
class RecordGroup:
    """Mapped records of one sObject: those of the batch, or others from the mirror.

    `records`: the columns of `map_records` but `field_values`. `field_values`: by their index, also of records that
    were left out since: the longest texts by far stay where they are when some are chosen.
    """

    sobject: SObject
    in_batch: bool
    records: pd.DataFrame
    field_values: pd.Series

    @classmethod
    def of(cls, sobject: SObject, mapped: pd.DataFrame, *, in_batch: bool) -> "RecordGroup":
        """Return the group of these mapped records, whose index names each of them once."""
        return cls(sobject, in_batch, mapped.drop(columns="field_values"), mapped["field_values"])

    def only(self, which: Any) -> "RecordGroup":
        """Return the group of these of its records; `which`: true or false, in their order."""
        return self if which.all() else replace(self, records=self.records[which])
