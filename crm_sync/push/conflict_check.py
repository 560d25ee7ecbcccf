"""Asks Salesforce what it has changed since the last pull, before a push writes: no read per record.

By Ids, 2,000 a query and five queries a request, so that each query fits on its first page. When that takes more than
one request, everything that changed since the pull is asked for, as a pull does: one query, as a rule one page. If very
much has changed, its further pages, the Ids or a Bulk query follow, whichever takes the fewest requests.
Sources: REST guide, "Composite" (five queries) and "Query" (pages of up to 2,000 records).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

import pandas as pd

from crm_sync.salesforce.limits import QUERIES_PER_REQUEST, RECORDS_PER_PAGE, RECORDS_PER_RESULTS_PAGE, USUAL_POLLS
from crm_sync.salesforce.read.composite import Page
from crm_sync.salesforce.read.json_rows import records_frame
from crm_sync.salesforce.read.soql import build_select, select_columns
from crm_sync.sobject import SObject

IDS_PER_QUERY = RECORDS_PER_PAGE
# Records become visible later than their stamp says.
_OVERLAP = timedelta(minutes=10)


@dataclass(frozen=True)
class Question:
    """The records of one object about which Salesforce is asked: their Ids, the fields with their types, and the
    moment up to which a pull has brought every change, if there was one."""

    sobject: SObject
    ids: list[str]
    types: dict[str, str]
    pulled_until: datetime | None

    @property
    def since(self) -> datetime | None:
        """From when on changes may be unknown here."""
        return self.pulled_until - _OVERLAP if self.pulled_until else None

    def by_ids(self) -> list[str]:
        """Return the queries that name the records."""
        parts = [self.ids[start : start + IDS_PER_QUERY] for start in range(0, len(self.ids), IDS_PER_QUERY)]
        named = (", ".join(f"'{record_id}'" for record_id in part) for part in parts)
        return [build_select(self.sobject, self.types, where=f"Id IN ({ids})", since=self.since) for ids in named]

    def by_time(self) -> str:
        """Return the query for every change, also of other records."""
        return build_select(self.sobject, self.types, since=self.since)

    @property
    def requests_by_ids(self) -> int:
        """How many requests it takes to name the records."""
        return ceil(len(self.ids) / (IDS_PER_QUERY * QUERIES_PER_REQUEST))

    @property
    def is_asked_by_ids_at_once(self) -> bool:
        """Whether one request can name all records."""
        return self.requests_by_ids <= 1

    @property
    def columns(self) -> list[str]:
        """The columns of an answer."""
        return select_columns(self.sobject, self.types)

    def read(self, pages: Sequence[Page]) -> pd.DataFrame:
        """Return what pages hold of the records: the fields, text, by Id."""
        records = [record for page in pages for record in page.records]
        return self.only_asked(records_frame(records, self.columns, self.types))

    def only_asked(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return what a frame holds of the records, by Id."""
        frame = frame.drop_duplicates("Id", keep="last").set_index("Id", drop=False)
        return frame[frame.index.isin(self.ids)]

    def nothing(self) -> pd.DataFrame:
        """Return an answer without records."""
        return self.read([])


class ConflictStrategy(StrEnum):
    """How to go on after the first page of every change."""

    PAGES = "page by page"
    IDS = "by naming the records"
    BULK = "with the Bulk API"


def choose_way(first: Page | None, question: Question) -> ConflictStrategy:
    """Return the way with the fewest further requests; of equals the simplest. Without a first page, by Ids."""
    if first is None:
        return ConflictStrategy.IDS
    further = _further(first.total, len(first.records), question.requests_by_ids)
    return min(further, key=lambda way: further[way])


def requests_to_look(records: Mapping[SObject, int], changed: Callable[[SObject], int]) -> int:
    """Return how many requests a look at so many records of each object takes.

    `changed`: how many records of an object are known to have changed since its last pull; asked only of an object
    whose records one request cannot name.
    """
    queries = {sobject: ceil(number / IDS_PER_QUERY) for sobject, number in records.items()}
    many = [sobject for sobject, number in queries.items() if number > QUERIES_PER_REQUEST]
    named = sum(number for sobject, number in queries.items() if sobject not in many)
    further = (
        _further(changed(sobject), IDS_PER_QUERY, ceil(queries[sobject] / QUERIES_PER_REQUEST)) for sobject in many
    )
    return ceil(named / QUERIES_PER_REQUEST) + sum(1 + max(0, min(ways.values())) for ways in further)


def _further(changed: int, on_a_page: int, by_ids: int) -> dict[ConflictStrategy, int]:
    """Return how many requests each way takes after the first page."""
    return {
        ConflictStrategy.PAGES: ceil(changed / max(on_a_page, 1)) - 1,
        ConflictStrategy.IDS: by_ids,
        ConflictStrategy.BULK: 1 + USUAL_POLLS + ceil(changed / RECORDS_PER_RESULTS_PAGE),
    }
