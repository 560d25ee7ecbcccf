"""Members whose record was deleted, merged or converted after the last pull, and the records that these lead to."""

from collections.abc import Mapping

import pandas as pd

from crm_sync.push.gone import find_gone, followed_object, moved_people, one_for_each, records_before, refuse_gone
from crm_sync.push.plan import State
from crm_sync.salesforce.read.changed_since import ChangeQuery
from crm_sync.sobject import SObject
from tasks.push.compare import Plans, Push, compared, plan_of, read_known, types_of
from tasks.push.conflict_check import read_current

# Of records that Salesforce merged or converted one after the other since the last pull.
_HOPS = 3


def follow(push: Push, plans: Plans, found: Mapping[SObject, pd.DataFrame]) -> None:
    """Let the members of gone records move on to where these lead; `found`: by Id, what Salesforce has of records."""
    for _ in range(_HOPS):
        moved = [_take_gone(push, plans, sobject, current) for sobject, current in found.items() if sobject in plans]
        people = pd.concat(moved) if moved else pd.DataFrame()
        if people.empty:
            return
        parts = {SObject(str(name)): part for name, part in people.groupby("sobject")}
        found = _current_of(push, parts)
        for sobject, part in parts.items():
            before = push.current.get(sobject)
            every = pd.concat([before, found[sobject]]) if before is not None else found[sobject]
            push.current[sobject] = every[~every.index.duplicated(keep="last")]
            plan = compared(push, plan_of(push, part, _known_of(push, part, sobject), sobject), sobject)
            others = [plans[sobject]] if sobject in plans else []
            plans[sobject] = push.recorder.record(one_for_each(pd.concat([*others, plan]), part.index))


def follow_refused(push: Push, plans: Plans) -> None:
    """Ask where the records lead that Salesforce refused as deleted or converted, and follow them."""
    gone = {sobject: plan[plan["state"].eq(State.GONE)] for sobject, plan in plans.items()}
    parts = {sobject: plan for sobject, plan in gone.items() if len(plan)}
    if not parts:
        return
    follow(push, plans, _current_of(push, parts))
    for sobject in parts:
        plan = plans[sobject]
        left = plan["state"].eq(State.GONE)
        plans[sobject] = push.recorder.record(plan.assign(state=plan["state"].mask(left, State.REFUSED.value)))


def _current_of(push: Push, parts: Mapping[SObject, pd.DataFrame]) -> dict[SObject, pd.DataFrame]:
    queries = [
        ChangeQuery(sobject, types_of(push, sobject), None, only_ids=list(part["record_id"].drop_duplicates()))
        for sobject, part in parts.items()
    ]
    found = read_current(push.run, queries)
    return {sobject: found[str(sobject)] for sobject in parts}


def _take_gone(push: Push, plans: Plans, sobject: SObject, current: pd.DataFrame) -> pd.DataFrame:
    """Take the members of gone records out of a plan, and return those that move on, with their new records."""
    gone = find_gone(plans[sobject], current)
    leads_to = followed_object(sobject, gone)
    is_lost = gone["next_id"].isna() | ~leads_to.isin([str(one) for one in push.checked.links])
    plan = push.recorder.record(refuse_gone(plans[sobject], gone[is_lost]))
    on = gone[~is_lost]
    plans[sobject] = plan.drop(on.index)
    return moved_people(plan, on).assign(sobject=leads_to[~is_lost])


def _known_of(push: Push, people: pd.DataFrame, sobject: SObject) -> pd.DataFrame:
    """Return what the mirror has of people's new records, and of their old ones in the names of the new object."""
    records = read_known(push, people)
    links = push.checked.links
    was_lead = people["own_id"].str.startswith(SObject.LEAD.id_prefix)
    for old, part in ((SObject.LEAD, people[was_lead]), (SObject.CONTACT, people[~was_lead])):
        if len(part):
            records = records_before(records, part, links[old], links[sobject])
    return records
