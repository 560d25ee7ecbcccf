"""The requests that each way of writing takes, and the way with the fewest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from math import ceil

from crm_sync.salesforce.limits import (
    COLLECTIONS_PER_REQUEST,
    LONGEST_BODY,
    LONGEST_FILE,
    LONGEST_INLINE,
)
from crm_sync.salesforce.write.options import WriteOptions
from crm_sync.salesforce.write.records import RecordWrites, csv_file

_USUAL = WriteOptions()
# The length of a CSV decides between the two kinds of Bulk job, and only fewer records than these fit into one request.
_MAY_BE_INLINE = 5_000


class WriteWay(StrEnum):
    """The way in which the records of one sObject are sent."""

    COLLECTIONS = "collections"
    BULK = "bulk"
    BULK_INLINE = "bulk_inline"


@dataclass(frozen=True)
class WriteLoad:
    """The records to write to one sObject; `csv_bytes` is the length of their CSV, None when not known."""

    sobject: str
    records: int
    is_upsert: bool
    csv_bytes: int | None = None


@dataclass(frozen=True)
class WritePlan:
    """The way of each sObject, and how many requests all of them take together, at most."""

    ways: Mapping[str, WriteWay]
    requests: int


def load_of(writes: RecordWrites) -> WriteLoad:
    """Return what these records are to a plan."""
    length = len(csv_file(writes)) if len(writes) <= _MAY_BE_INLINE else None
    return WriteLoad(writes.sobject, len(writes), is_upsert=writes.external_id is not None, csv_bytes=length)


def plan_groups(
    groups: Sequence[Sequence[WriteLoad]], *, polls: int = 1, options: WriteOptions = _USUAL
) -> list[WritePlan]:
    """Plan groups that are written one after the other: a plan for each, or one for all when collections do."""
    together = plan_writes(_added_up([load for group in groups for load in group]), polls=polls, options=options)
    if set(together.ways.values()) <= {WriteWay.COLLECTIONS}:
        return [together]
    return [plan_writes(_added_up(group), polls=polls, options=options) for group in groups]


def _added_up(loads: Sequence[WriteLoad]) -> list[WriteLoad]:
    """Return one load for each sObject."""
    by_object: dict[str, WriteLoad] = {}
    for load in loads:
        if before := by_object.get(load.sobject):
            known = before.csv_bytes is not None and load.csv_bytes is not None
            length = (before.csv_bytes or 0) + (load.csv_bytes or 0) if known else None
            load = replace(before, records=before.records + load.records, csv_bytes=length)  # noqa: PLW2901
        by_object[load.sobject] = load
    return list(by_object.values())


def plan_writes(loads: Sequence[WriteLoad], *, polls: int = 1, options: WriteOptions = _USUAL) -> WritePlan:
    """Return the plan with the fewest requests; of equals that with most collections, whose results come at once.

    `polls`: how often a Bulk job is asked before it has ended; the request for failed rows is counted too.
    """
    choices = [_ways(load, options) for load in loads]
    plans = [
        WritePlan(
            ways={load.sobject: way for load, way in zip(loads, ways, strict=True)},
            requests=_together(loads, ways, options.at_once)
            + sum(_bulk(load, way, polls + 1) for load, way in zip(loads, ways, strict=True)),
        )
        for ways in product(*choices)
    ]
    # The first of equals is taken, and collections are the first way of each.
    return min(plans, key=lambda plan: plan.requests)


def _ways(load: WriteLoad, options: WriteOptions) -> tuple[WriteWay, ...]:
    if not load.records or not options.takes_bulk:
        return (WriteWay.COLLECTIONS,)
    if load.csv_bytes is not None and load.csv_bytes <= LONGEST_INLINE:
        return (WriteWay.COLLECTIONS, WriteWay.BULK_INLINE)
    return (WriteWay.COLLECTIONS, WriteWay.BULK)


def _together(loads: Sequence[WriteLoad], ways: Sequence[WriteWay], at_once: int) -> int:
    """Return the requests of all that goes by collections: updates share a collection, upserts do not."""
    going = [load for load, way in zip(loads, ways, strict=True) if way is WriteWay.COLLECTIONS]
    updates = sum(load.records for load in going if not load.is_upsert)
    calls = ceil(updates / at_once) + sum(ceil(load.records / at_once) for load in going if load.is_upsert)
    # What is too long for a request goes by halves.
    return ceil(calls / COLLECTIONS_PER_REQUEST) + 2 * sum(load.csv_bytes or 0 for load in going) // LONGEST_BODY


def _bulk(load: WriteLoad, way: WriteWay, after: int) -> int:
    """Return the requests of one sObject's jobs: create, upload and close, or one for all, and what comes after."""
    if way is WriteWay.COLLECTIONS:
        return 0
    if way is WriteWay.BULK_INLINE:
        return 1 + after
    files = ceil((load.csv_bytes or 1) / LONGEST_FILE)
    return files * (3 + after)
