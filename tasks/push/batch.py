"""A batch of members on its way to Salesforce: compared, checked for conflicts, written, recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Protocol

import pandas as pd
from sqlalchemy import Connection

from crm_sync.errors import LimitReachedError
from crm_sync.pull.watermarks_store import read_watermarks
from crm_sync.push import queue_store as campaigns
from crm_sync.push.members_store import count_pushed, read_people, read_records
from crm_sync.push.plan import (
    State,
    apply_results,
    compare,
    make_plan,
    mark_limited,
    mark_unknown,
    to_write,
)
from crm_sync.push.settings import CheckedSettings
from crm_sync.push.targets import find_targets
from crm_sync.salesforce.read.changed_since import ChangeQuery
from crm_sync.salesforce.read.read_plan import requests_to_read
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.salesforce.write.plan import WriteLoad, plan_groups
from crm_sync.sobject import SObject
from tasks.push.conflict_check import check_conflicts
from tasks.push.fields import describe_fields, known_fields, needs_describe
from tasks.run.forecasts import announce_forecast, polls_of_a_job
from tasks.run.run import Run, utc_now
from tasks.write.send import open_writer

# As many members at once as a Bulk job takes well; so many rows fit into memory many times over.
MEMBERS_AT_ONCE = 100_000
Plans = dict[SObject, pd.DataFrame]


class Recorder(Protocol):
    """Takes what became of members; `limit`: what has cut the run short."""

    limit: str

    def record(self, plan: pd.DataFrame) -> pd.DataFrame:
        """Take the members that are done, and return the plan of the others."""
        ...

    def expected(self, connection: Connection) -> int:
        """Return how many members the run has to do with in all."""
        ...


@dataclass(frozen=True)
class Push:
    """What the steps of one push share; `described`: the fields that this run has asked for; `send`: what becomes of
    members that have something to send."""

    run: Run
    checked: CheckedSettings
    recorder: Recorder
    described: dict[SObject, dict[str, FieldDescription]]
    send: Callable[["Push", Plans], None]
    is_dry_run: bool = False


def push_members(push: Push, members: pd.DataFrame) -> None:
    """Send what claimed members (`member_id`, `customer_id`) have changed, and record each one's output."""
    plans = _find_plans(push, members)
    try:
        for sobject in plans:
            _compare(push, plans, sobject)
        asked = [sobject for sobject, plan in plans.items() if _count(plan) and not _is_fresh(push, sobject)]
        _announce(push, plans, asked)
        if asked:
            _drop_conflicts(push, plans, asked)
        push.send(push, plans)
    except LimitReachedError as limit:
        push.recorder.limit = str(limit)
        for plan in plans.values():
            push.recorder.record(mark_limited(plan))


def _find_plans(push: Push, members: pd.DataFrame) -> Plans:
    """Read the customers and the records that they lead to; record the members that lead to none."""
    checked, settings = push.checked, push.checked.settings
    fields = {sobject: [link.salesforce_field for link in links] for sobject, links in checked.links.items()}
    with push.run.database.transaction() as connection:
        people = read_people(connection, members, checked.targets, checked.id_link)
        people = find_targets(connection, people, settings.sobject, follow_converted=settings.follow_converted)
        ids = pd.concat([people["record_id"], people.loc[people["is_joined"], "own_id"]])
        records = read_records(connection, ids.dropna().drop_duplicates(), fields)
    is_lost = people["code"].notna()
    push.recorder.record(people[is_lost].assign(state=State.UNREACHABLE.value))
    found = {sobject: people[~is_lost & people["sobject"].eq(sobject)] for sobject in fields}
    return {sobject: make_plan(own, records, fields[sobject]) for sobject, own in found.items() if len(own)}


def _compare(push: Push, plans: Plans, sobject: SObject, current_values: pd.DataFrame | None = None) -> None:
    """Find what one object's members have to send; ask for its fields when they are not known well enough."""
    links, settings = push.checked.links[sobject], push.checked.settings
    fields = _fields(push, sobject)
    plan = compare(plans[sobject], links, fields, settings, current_values)
    if sobject not in push.described and needs_describe(links, fields) and not plan["state"].eq(State.SAME).all():
        push.recorder.record(plan[plan["state"].eq(State.SAME)])
        plans[sobject] = plans[sobject][plan["state"].ne(State.SAME)]
        push.described[sobject] = describe_fields(push.run.org, sobject)
        plan = compare(plans[sobject], links, push.described[sobject], settings, current_values)
    plans[sobject] = push.recorder.record(plan)


def _fields(push: Push, sobject: SObject) -> Mapping[str, FieldDescription]:
    return push.described.get(sobject) or known_fields(push.run, sobject)


def _types(push: Push, sobject: SObject) -> dict[str, str]:
    fields = _fields(push, sobject)
    names = [link.salesforce_field for link in push.checked.links[sobject]]
    return {name: fields[name].type for name in names if name in fields}


def _is_fresh(push: Push, sobject: SObject) -> bool:
    """Return whether Salesforce need not be asked for changes: the settings say so, or trust the last pull."""
    settings = push.checked.settings
    with push.run.database.transaction() as connection:
        mark = read_watermarks(connection, push.run.org_key).get(sobject)
    age = (utc_now() - mark.stored_until).total_seconds() if mark else float("inf")
    return settings.customer_wins or age <= 60 * settings.trust_pull_minutes


def _announce(push: Push, plans: Plans, asked: list[SObject]) -> None:
    """Forecast the requests of the run, as if all batches of the queue were like this one."""
    run = push.run
    loads = [WriteLoad(sobject, _count(plan), is_upsert=False) for sobject, plan in plans.items()]
    with run.database.transaction() as connection:
        waiting = push.recorder.expected(connection)
        pushed = {sobject: count_pushed(connection, sobject) for sobject in asked}
    written = [] if push.is_dry_run else plan_groups([loads], polls=polls_of_a_job(run))
    needed = sum(plan.requests for plan in written)
    needed += requests_to_read({sobject: _count(plans[sobject]) for sobject in asked}, pushed.__getitem__)
    announce_forecast(run, needed * max(1, ceil(waiting / MEMBERS_AT_ONCE)))


def _count(plan: pd.DataFrame) -> int:
    return int(plan["state"].eq(State.TO_SEND).sum())


def _drop_conflicts(push: Push, plans: Plans, asked: list[SObject]) -> None:
    """Ask what Salesforce has changed since the last pull, and take that out of what is sent."""
    queries = []
    for sobject in asked:
        ids = plans[sobject].loc[plans[sobject]["state"].eq(State.TO_SEND), "record_id"]
        queries += [ChangeQuery(sobject, _types(push, sobject), None, only_ids=list(ids))] if len(ids) else []
    for sobject, current_values in check_conflicts(push.run, queries).items():
        _compare(push, plans, sobject, current_values)


def write(push: Push, plans: Plans) -> None:
    """Write records; record each answer before the next request."""

    def still_here() -> None:
        with push.run.database.transaction() as connection:
            campaigns.renew_claims(connection, push.run.number, utc_now())

    writes = [to_write(plan, sobject, _types(push, sobject)) for sobject, plan in plans.items() if _count(plan)]
    for delivery in open_writer(push.run, still_here=still_here).write(writes):
        for sobject, plan in plans.items():
            answered = apply_results(plan, delivery.results)
            plans[sobject] = push.recorder.record(mark_unknown(answered, delivery.unknown_outcome))
        if delivery.limit:
            raise delivery.limit
