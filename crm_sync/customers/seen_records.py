"""When the absence of a record proves that it was deleted in Salesforce, and gone from the recycle bin since."""

from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Connection

from crm_sync.columns.membership import among
from crm_sync.customers.vanished import is_sole_source, live_ids

# A younger record may have come from a pull, after the Bulk job was made.
_SETTLED = timedelta(days=1)


class SeenRecords:
    """The Ids that a full sync reads of an object. A record of the mirror that is not among them is gone.

    That is proved only by a sync that reads every record from the first one on: a resumed one has not seen all, behind
    a condition nobody knows what there is, and a record that another user's sync brought may be hidden from this one.
    """

    def __init__(self, sobject: str, read_from: datetime, *, reads_all: bool) -> None:
        """Start before the first record; `reads_all`: the sync reads every record, of an object without a condition."""
        self.sobject = sobject
        self.settled_before = read_from - _SETTLED
        self._reads_all = reads_all
        self._ids: list[pd.Series] = []

    def prepare(self, connection: Connection, org: str) -> "SeenRecords":
        """Note nothing when another org's or user's sync filled the mirror, or it holds nothing that can be gone."""
        some = live_ids(connection, self.sobject, after="", before=self.settled_before, limit=1)
        self._reads_all &= len(some) > 0 and is_sole_source(connection, org)
        return self

    def add(self, batch: pd.DataFrame) -> None:
        """Note the records of a batch."""
        if self._reads_all:
            self._ids.append(batch["id"])

    def prove_absence(self, records_in_job: int) -> bool:
        """Return whether every record of the Bulk job was seen."""
        return self._reads_all and sum(map(len, self._ids)) >= records_in_job

    @property
    def none_is_left(self) -> bool:
        """Whether Salesforce shows no record of the object, not even a deleted one."""
        return not self._ids

    def vanished(self, known: pd.Series) -> pd.Series:
        """Return those of the mirror's Ids that were not seen."""
        return known if self.none_is_left else known[~among(known, pd.concat(self._ids, ignore_index=True))]
