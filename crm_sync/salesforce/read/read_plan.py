"""How to read the changes that did not fit on the first page, in the fewest requests.

Follow the pages one by one, name the records where only some are wanted, or use a Bulk 2.0 query.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from math import ceil

from crm_sync.salesforce.limits import QUERIES_PER_REQUEST, RECORDS_PER_PAGE, RECORDS_PER_RESULTS_PAGE, USUAL_POLLS
from crm_sync.sobject import SObject

# So that the answer fits on its first page.
IDS_PER_QUERY = RECORDS_PER_PAGE


class ReadStrategy(StrEnum):
    """How the remainder of an object is read; of equals the first."""

    PAGES = "page by page"
    IDS = "by naming the records"
    BULK = "with the Bulk API"


@dataclass(frozen=True)
class Remainder:
    """What the first page of a query left: `rows` more, of which a page holds `page_rows`; `wanted`: how many records
    can be named instead, None when every change is wanted."""

    query: str
    rows: int
    page_rows: int = RECORDS_PER_PAGE
    wanted: int | None = None

    @property
    def strategies(self) -> list[ReadStrategy]:
        """The ways in which this can be read."""
        return [way for way in ReadStrategy if way is not ReadStrategy.IDS or self.wanted is not None]

    @property
    def pages(self) -> int:
        """Pages to follow."""
        return ceil(self.rows / self.page_rows)

    @property
    def bulk_requests(self) -> int:
        """Requests of a Bulk query, apart from its polls; it reads the first page again."""
        return 1 + ceil((self.rows + self.page_rows) / RECORDS_PER_RESULTS_PAGE)


@dataclass(frozen=True)
class ReadPlan:
    """The strategy for each query, by name, and the requests that all of them should take together."""

    strategies: dict[str, ReadStrategy]
    requests: int


def plan_reads(remainders: Sequence[Remainder], *, polls: int = USUAL_POLLS) -> ReadPlan:
    """Return the plan with the fewest requests; of equals the simplest."""
    plans = (
        ReadPlan({rest.query: way for rest, way in zip(remainders, ways, strict=True)}, _count(remainders, ways, polls))
        for ways in product(*(rest.strategies for rest in remainders))
    )
    return min(plans, key=lambda plan: plan.requests)


def requests_to_read(wanted: Mapping[SObject, int], changed: Callable[[SObject], int]) -> int:
    """Return how many requests it takes to read the changes of so many named records of each object.

    `changed`: how many records of an object are thought to have changed; asked only of an object whose records one
    request cannot name.
    """
    many = [sobject for sobject, number in wanted.items() if not can_be_named_at_once(number)]
    firsts = sum(1 if sobject in many else id_queries(number) for sobject, number in wanted.items())
    left = [Remainder(sobject, changed(sobject) - RECORDS_PER_PAGE, wanted=wanted[sobject]) for sobject in many]
    return ceil(firsts / QUERIES_PER_REQUEST) + plan_reads([rest for rest in left if rest.rows > 0]).requests


def can_be_named_at_once(records: int) -> bool:
    """Return whether one request can name so many records of an object."""
    return id_queries(records) <= QUERIES_PER_REQUEST


def id_queries(records: int) -> int:
    """Return how many queries name so many records."""
    return ceil(records / IDS_PER_QUERY)


def _count(remainders: Sequence[Remainder], ways: Sequence[ReadStrategy], polls: int) -> int:
    chosen = list(zip(remainders, ways, strict=True))
    chains = [rest.pages for rest, way in chosen if way is ReadStrategy.PAGES]
    named = [id_queries(rest.wanted or 0) for rest, way in chosen if way is ReadStrategy.IDS]
    bulk = [rest.bulk_requests + polls for rest, way in chosen if way is ReadStrategy.BULK]
    # Pages of one object follow one another; queries, and pages of several objects, share a request.
    together = ceil((sum(chains) + sum(named)) / QUERIES_PER_REQUEST)
    return max([*chains, together]) + sum(bulk)
