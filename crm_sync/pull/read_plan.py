"""How to read what did not fit on the first page, in the fewest requests.

Three ways: follow the pages one by one; cut the rest into ranges of Ids, five of which are read in one request;
or a Bulk 2.0 query. Sources: REST guide, "Composite" and "Query"; Bulk 2.0 guide, each HTTP request is one call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from math import ceil

from crm_sync.salesforce.limits import QUERIES_PER_REQUEST, USUAL_POLLS
from crm_sync.sobject import SObject

# Ranges are cut by the density of the first page; made to be filled by four fifths, few of them overflow.
RANGE_FILL = 0.8


class Way(StrEnum):
    """How the rest of an object is read."""

    FOLLOW = "page by page"
    RANGES = "by ranges of Ids"
    BULK = "with the Bulk API"


@dataclass(frozen=True)
class Rest:
    """What the first page of an object left: `rows` more, of which a page holds `page_rows`."""

    sobject: SObject
    rows: int
    page_rows: int

    @property
    def pages(self) -> int:
        """Pages to follow."""
        return ceil(self.rows / self.page_rows)

    @property
    def ranges(self) -> int:
        """Ranges of Ids to ask for."""
        return ceil(self.rows / (self.page_rows * RANGE_FILL))


@dataclass(frozen=True)
class ReadPlan:
    """The way for each object, and the requests that all of them should take together."""

    ways: dict[SObject, Way]
    requests: int


def plan_reads(rests: Sequence[Rest], *, polls: int = USUAL_POLLS) -> ReadPlan:
    """Return the plan with the fewest requests; of equals the simplest: pages before ranges before Bulk."""
    plans = (
        ReadPlan({rest.sobject: way for rest, way in zip(rests, ways, strict=True)}, _count(rests, ways, polls))
        for ways in product(Way, repeat=len(rests))
    )
    return min(plans, key=lambda plan: plan.requests)


def _count(rests: Sequence[Rest], ways: Sequence[Way], polls: int) -> int:
    chosen = list(zip(rests, ways, strict=True))
    chains = [rest.pages for rest, way in chosen if way is Way.FOLLOW]
    ranges = [rest.ranges for rest, way in chosen if way is Way.RANGES]
    together = ceil((sum(chains) + sum(ranges)) / QUERIES_PER_REQUEST)
    bulk = sum(1 + polls + 1 for way in ways if way is Way.BULK)
    # Pages of one object follow one another; those of several share a request.
    return max([*chains, together]) + bulk
