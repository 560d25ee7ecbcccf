"""The end of a run for the records that it, or one before it, has set aside: they land, or wait for a person."""

from collections.abc import MutableMapping
from dataclasses import replace

import pandas as pd
from prefect import get_run_logger, task

from crm_sync.customers.landing import land_batch
from crm_sync.customers.landing_context import LandingContext
from crm_sync.customers.mirror import to_records
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.frames import in_parts
from crm_sync.holds.held_store import count_known, holds_any, read_held, read_waiting
from crm_sync.holds.rule import HeldChange, HoldLimits, count_customers, divide
from crm_sync.mapping.checked import ResolvedMapping
from crm_sync.mapping.transform import map_records
from crm_sync.runs.counts import Counts
from crm_sync.runs.let_through_store import count_anew, note_let_through, read_let_through
from crm_sync.sobject import SObject
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import Run

_AT_ONCE = 20_000


def land_held(
    run: Run,
    checked: ResolvedMapping,
    landing: LandingContext,
    counts: MutableMapping[SObject, Counts],
    *,
    is_approved: bool,
) -> list[HeldChange]:
    """Land what is held of few people, or is approved; returns what goes on waiting. Adds to `counts`.

    `is_approved`: a person has approved what was held before this run.
    """
    with run.database.transaction() as connection:
        if not holds_any(connection):
            return []
        waiting = read_waiting(connection, run.started_at if is_approved else None, checked.rules.mapped)
        known = count_known(connection)
        guards = checked.saved.safeguards
        limits = HoldLimits(guards.hold_above_percent, guards.hold_above_customers)
        free, held = divide(waiting, known, limits, read_let_through(connection, run.started_at))
        count_anew(connection, count_customers(waiting, free, approved=True))
    objects = waiting.set_index("id")["sobject"]
    for sobject in checked.rules.mapped:
        for ids in in_parts(free[objects.reindex(free).eq(sobject).to_numpy()], size=_AT_ONCE):
            unasked = count_customers(waiting, pd.Series(ids), approved=False)
            landed = _land(run.database, ids, sobject, replace(landing, sets_aside=False, only_changed=False), unasked)
            counts[sobject] = counts.get(sobject, Counts()) + landed
    for change in held:
        get_run_logger().warning(
            "%s customers %s; that waits until somebody approves it.", change.customers, change.words
        )
    return held


@task(task_run_name="land {sobject} records that were set aside", **IN_MEMORY)
def _land(
    database: CustomerDatabase, ids: list[str], sobject: SObject, landing: LandingContext, unasked: dict[str, int]
) -> Counts:
    """Land held records as if they had just been read; `unasked`: of how many customers, by effect, without asking."""
    mapping = landing.rules.of(sobject)
    with database.transaction() as connection:
        records = to_records(read_held(connection, pd.Series(ids, dtype="str")), mapping.salesforce_fields)
        batch = map_records(records, sobject, mapping, landing.types[sobject], database.hashes)
        note_let_through(connection, unasked, landing.now)
        return land_batch(connection, batch, sobject, landing)
