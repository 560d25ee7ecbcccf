"""The one reader of changes: what changed in some objects since a moment, all of it or of named records only.

The first page of every object comes with one request. What did not fit is read by whichever way takes the fewest
requests (`read_plan`); a Bulk query is only called for here, its results are read as those of any Bulk query.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from crm_sync.errors import (
    AnswerTooLargeError,
    JobGoneError,
    PaginationError,
    QueryError,
    SyncError,
    UnknownFieldError,
    UnknownObjectError,
)
from crm_sync.salesforce.limits import LONGEST_QUERY, QUERIES_PER_REQUEST
from crm_sync.salesforce.read.composite import Answers, Page, query_path
from crm_sync.salesforce.read.json_rows import records_frame
from crm_sync.salesforce.read.read_plan import (
    IDS_PER_QUERY,
    ReadPlan,
    ReadStrategy,
    Remainder,
    can_be_named_at_once,
    plan_reads,
)
from crm_sync.salesforce.read.soql import build_select, select_columns
from crm_sync.sobject import SObject

# Records become visible later than their stamp says.
OVERLAP = timedelta(minutes=10)
_BATCH_RECORDS = 10_000
# In a list, with its quotes, a comma and a blank.
_LENGTH_OF_ID = 22

# Asks up to five paths with one request; the text says what for.
Ask = Callable[[list[str], str], Answers]


@dataclass(frozen=True)
class ChangeQuery:
    """The records of one object that changed since a moment, or all of them; `types`: each field to read with its type,
    `where`: a further condition, `only_ids`: the records that are wanted, when not every one is; `what`: tells several
    queries of one object apart."""

    sobject: SObject
    types: dict[str, str]
    since: datetime | None
    where: str | None = None
    only_ids: Sequence[str] | None = None
    what: str = ""

    @property
    def name(self) -> str:
        """The name of the query among those that are asked together."""
        return f"{self.sobject} {self.what}".strip()

    @property
    def columns(self) -> list[str]:
        """The columns of an answer."""
        return select_columns(self.sobject, self.types)

    @property
    def by_time(self) -> str:
        """The query for every change."""
        return build_select(self.sobject, self.types, where=self.where, since=self.since)

    @property
    def by_ids(self) -> list[str]:
        """The queries that name the wanted records: each fits on its first page, and is no longer than it may be."""
        ids = self.only_ids or ()
        room = LONGEST_QUERY - len(build_select(self.sobject, self.types, where="Id IN ()", since=self.since))
        at_once = max(1, min(IDS_PER_QUERY, room // _LENGTH_OF_ID))
        named = (", ".join(f"'{one}'" for one in ids[start : start + at_once]) for start in range(0, len(ids), at_once))
        return [build_select(self.sobject, self.types, where=f"Id IN ({some})", since=self.since) for some in named]

    @property
    def names_records_first(self) -> bool:
        """Whether the wanted records are named at once: one request can do it, or there is no moment to ask from."""
        return self.only_ids is not None and (self.since is None or can_be_named_at_once(len(self.only_ids)))

    def wanted(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the wanted records of a frame."""
        return frame if self.only_ids is None else frame[frame["Id"].isin(self.only_ids)]


@dataclass
class Changes:
    """The changes of one object as of `asked_at` by Salesforce's clock: its records as parsed, or, with `needs_bulk`,
    that they have to be read with the Bulk API; `refusal`: that Salesforce does not show the object."""

    query: ChangeQuery
    asked_at: datetime
    records: list[dict[str, Any]] = field(default_factory=list)
    needs_bulk: bool = False
    refusal: UnknownObjectError | None = None

    def frames(self) -> Iterator[pd.DataFrame]:
        """Give the wanted records in batches of text, one column a field."""
        for start in range(0, len(self.records), _BATCH_RECORDS):
            some = self.records[start : start + _BATCH_RECORDS]
            yield self.query.wanted(records_frame(some, self.query.columns, self.query.types))


def changed_since(
    queries: Sequence[ChangeQuery],
    ask: Ask,
    announce: Callable[[ReadPlan, list[Remainder]], None] = lambda *_: None,
) -> dict[str, Changes]:
    """Read what changed, deleted records too; `announce` gets the plan for what the first pages left, if they left any.

    Returned by the queries' names. Raises QueryError when Salesforce refuses a query for another reason than that it
    does not show the object.
    """
    found: dict[str, Changes] = {}
    further: deque[tuple[Changes, str]] = deque()
    left: list[Remainder] = []
    for query, page, asked_at in _first_pages(queries, ask):
        changes = found.setdefault(query.name, Changes(query, asked_at))
        if isinstance(page, UnknownObjectError):
            changes.refusal = page
            continue
        if isinstance(page, AnswerTooLargeError):
            changes.needs_bulk = True
            continue
        changes.records += page.records
        if page.next_path:
            further.append((changes, page.next_path))
            if not query.names_records_first:
                wanted = None if query.only_ids is None else len(query.only_ids)
                left.append(Remainder(query.name, page.total - len(page.records), len(page.records), wanted))
    if left:
        plan = plan_reads(left)
        announce(plan, left)
        further = deque(_as_planned(plan, further))
    _read_paths(ask, further)
    return found


def _first_pages(
    queries: Sequence[ChangeQuery], ask: Ask
) -> Iterator[tuple[ChangeQuery, Page | UnknownObjectError | AnswerTooLargeError, datetime]]:
    firsts = [
        (query, query_path(soql))
        for query in queries
        for soql in (query.by_ids if query.names_records_first else [query.by_time])
    ]
    for start in range(0, len(firsts), QUERIES_PER_REQUEST):
        asked = firsts[start : start + QUERIES_PER_REQUEST]
        objects = " and ".join(dict.fromkeys(query.sobject for query, _ in asked))
        answers = ask([path for _, path in asked], f"changed {objects} records")
        for (query, _), answer in zip(asked, answers.pages, strict=True):
            page = answer if isinstance(answer, (UnknownObjectError, AnswerTooLargeError)) else _page(answer)
            yield query, page, answers.asked_at


def _page(answer: Page | SyncError) -> Page:
    if isinstance(answer, SyncError):
        raise answer
    return answer


def _as_planned(plan: ReadPlan, further: deque[tuple[Changes, str]]) -> Iterator[tuple[Changes, str]]:
    for changes, next_path in further:
        match plan.strategies.get(changes.query.name, ReadStrategy.PAGES):
            case ReadStrategy.PAGES:
                yield changes, next_path
            case ReadStrategy.IDS:
                changes.records.clear()
                yield from ((changes, query_path(soql)) for soql in changes.query.by_ids)
            case ReadStrategy.BULK:
                changes.needs_bulk = True


def _read_paths(ask: Ask, paths: deque[tuple[Changes, str]]) -> None:
    """Read every path and the pages that follow it, five in a request."""
    seen = set()
    while paths:
        asked = [paths.popleft() for _ in range(min(len(paths), QUERIES_PER_REQUEST))]
        answers = ask([path for _, path in asked], f"{len(asked)} further pages")
        for (changes, path), answer in zip(asked, answers.pages, strict=True):
            # The first page came: it is not the query that is refused, but a further page within a composite request.
            by_bulk = isinstance(answer, (JobGoneError, QueryError, AnswerTooLargeError))
            if by_bulk and not isinstance(answer, UnknownFieldError):
                changes.needs_bulk = True
                continue
            page = _page(answer)
            changes.records += page.records
            seen.add(path)
            if page.next_path in seen:
                sobject = changes.query.sobject
                raise PaginationError(f"Salesforce gave the same page of {sobject} twice; start the run again.")
            if page.next_path:
                paths.append((changes, page.next_path))
