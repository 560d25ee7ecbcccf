"""Members of a push compared with what Salesforce has, and what is known of its fields."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pandas as pd
from sqlalchemy import Connection

from crm_sync.errors import QueryError
from crm_sync.push.members_store import read_records
from crm_sync.push.noes import StandingNoes
from crm_sync.push.plan import State, add_unlinked, compare, make_plan, without_success
from crm_sync.push.settings import CheckedSettings
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.sobject import SObject
from tasks.push.fields import keep_types, known_fields, needs_describe
from tasks.run.reading import describe_object
from tasks.run.run import Run

Plans = dict[SObject, pd.DataFrame]


class Recorder(Protocol):
    """Takes what became of members; `limit`: what has cut the run short; `missing`: fields of the step that Salesforce
    does not show."""

    limit: str
    missing: set[str]

    def record(self, plan: pd.DataFrame) -> pd.DataFrame:
        """Take the members that are done, and return the plan of the others."""
        ...

    def expected(self, connection: Connection) -> int:
        """Return how many members the run has to do with in all."""
        ...


@dataclass(frozen=True)
class Push:
    """What the steps of one push share; `described`: the fields that this run has asked for; `send`: what becomes of
    members that have something to send; `current`: the values of records that Salesforce has changed since the last
    pull, as this run has seen them; `noes`: the members of the batch who stand at no."""

    run: Run
    checked: CheckedSettings
    recorder: Recorder
    described: dict[SObject, dict[str, FieldDescription]]
    send: Callable[["Push", Plans], None]
    is_dry_run: bool = False
    current: dict[SObject, pd.DataFrame] = field(default_factory=dict)
    noes: StandingNoes = field(default_factory=StandingNoes)


def read_known(push: Push, people: pd.DataFrame) -> pd.DataFrame:
    """Return, by Id, what the mirror has of the records of people, and of their own records where these are others."""
    links = push.checked.links
    fields = {sobject: [link.salesforce_field for link in links[sobject]] for sobject in links}
    is_other = people["own_id"].ne(people["record_id"])
    ids = pd.concat([people["record_id"], people.loc[is_other, "own_id"]])
    with push.run.database.transaction() as connection:
        return read_records(connection, ids.dropna().drop_duplicates(), fields)


def plan_of(push: Push, people: pd.DataFrame, records: pd.DataFrame, sobject: SObject) -> pd.DataFrame:
    """Return the plan of people of one object."""
    unlinked = push.checked.unlinked if sobject is SObject.CONTACT else []
    fields = [link.salesforce_field for link in push.checked.links[sobject]]
    return make_plan(people, records, fields, [link.salesforce_field for link in unlinked])


def compare_members(push: Push, plans: Plans, sobject: SObject) -> None:
    """Find what one object's members have to send; ask for its fields when they are not known well enough."""
    links = push.checked.links[sobject]
    plan = compared(push, plans[sobject], sobject)
    if sobject not in push.described and needs_describe(links, fields_of(push, sobject)):
        is_same = plan["state"].eq(State.SAME)
        if not is_same.all():
            push.recorder.record(plan[is_same])
            plans[sobject] = plans[sobject][~is_same]
            describe_anew(push, sobject)
            plan = compared(push, plans[sobject], sobject)
    plans[sobject] = push.recorder.record(plan)


def compared(push: Push, plan: pd.DataFrame, sobject: SObject) -> pd.DataFrame:
    """Return an object's plan with what each member has to send, by all that this run knows."""
    checked = push.checked
    found = compare(plan, checked.links[sobject], fields_of(push, sobject), checked.settings, push.current.get(sobject))
    if sobject is SObject.CONTACT and checked.unlinked:
        found = add_unlinked(found, checked.unlinked, types_of(push, SObject.LEAD))
    return without_success(found, push.noes.is_held)


def describe_anew(push: Push, sobject: SObject) -> None:
    """Ask for an object's fields anew; an object that is not there any more has none."""
    try:
        fields = describe_object(push.run.org, sobject)
    except QueryError:
        fields = {}
    push.described[sobject] = fields
    if not push.is_dry_run:
        keep_types(push.run, sobject, fields)
    names = [link.salesforce_field for link in push.checked.links[sobject]]
    push.recorder.missing |= {f"{sobject}.{name}" for name in names if name not in fields}


def fields_of(push: Push, sobject: SObject) -> Mapping[str, FieldDescription]:
    """Return what is known of an object's fields, by their names."""
    known = push.described.get(sobject)
    return known_fields(push.run, sobject) if known is None else known


def types_of(push: Push, sobject: SObject) -> dict[str, str]:
    """Return the types of an object's fields to send, as far as they are known."""
    fields = fields_of(push, sobject)
    names = [link.salesforce_field for link in push.checked.links[sobject]]
    return {name: fields[name].type for name in names if name in fields}
