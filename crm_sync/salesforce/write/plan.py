"""How many requests each way of writing takes, and which way takes the fewest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from math import ceil

from crm_sync.salesforce.write.bulk_ingest import LONGEST_FILE, LONGEST_INLINE
from crm_sync.salesforce.write.collections import COLLECTIONS_PER_REQUEST, RECORDS_PER_COLLECTION


class WriteWay(StrEnum):
    """How the records of one sObject go to Salesforce."""

    COLLECTIONS = "collections"
    BULK = "bulk"
    BULK_INLINE = "bulk_inline"


@dataclass(frozen=True)
class WriteLoad:
    """What is to be written to one sObject; `csv_bytes` is the length of its CSV, None when not known."""

    sobject: str
    records: int
    is_upsert: bool
    csv_bytes: int | None = None


@dataclass(frozen=True)
class WritePlan:
    """The way of each sObject, and how many requests all of them take together, at most."""

    ways: Mapping[str, WriteWay]
    requests: int


def plan_writes(loads: Sequence[WriteLoad], *, polls: int = 1) -> WritePlan:
    """Return the plan with the fewest requests; of equals that with most collections, whose results come at once.

    `polls`: how often a Bulk job is asked before it has ended; the request for failed rows is counted too.
    """
    choices = [_ways(load) for load in loads]
    plans = [
        WritePlan(
            ways={load.sobject: way for load, way in zip(loads, ways, strict=True)},
            requests=_together(loads, ways)
            + sum(_bulk(load, way, polls + 1) for load, way in zip(loads, ways, strict=True)),
        )
        for ways in product(*choices)
    ]
    # The first of equals is taken, and collections are the first way of each.
    return min(plans, key=lambda plan: plan.requests)


def _ways(load: WriteLoad) -> tuple[WriteWay, ...]:
    if not load.records:
        return (WriteWay.COLLECTIONS,)
    if load.csv_bytes is not None and load.csv_bytes <= LONGEST_INLINE:
        return (WriteWay.COLLECTIONS, WriteWay.BULK_INLINE)
    return (WriteWay.COLLECTIONS, WriteWay.BULK)


def _together(loads: Sequence[WriteLoad], ways: Sequence[WriteWay]) -> int:
    """Return the requests of all that goes by collections: updates share a collection, upserts do not."""
    going = [load for load, way in zip(loads, ways, strict=True) if way is WriteWay.COLLECTIONS]
    updates = sum(load.records for load in going if not load.is_upsert)
    calls = _calls(updates) + sum(_calls(load.records) for load in going if load.is_upsert)
    return ceil(calls / COLLECTIONS_PER_REQUEST)


def _calls(records: int) -> int:
    return ceil(records / RECORDS_PER_COLLECTION)


def _bulk(load: WriteLoad, way: WriteWay, after: int) -> int:
    """Return the requests of one sObject's jobs: create, upload and close, or one for all, and what comes after."""
    if way is WriteWay.COLLECTIONS:
        return 0
    if way is WriteWay.BULK_INLINE:
        return 1 + after
    files = ceil((load.csv_bytes or 1) / LONGEST_FILE)
    return files * (3 + after)
