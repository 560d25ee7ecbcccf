"""A batch of members on its way to Salesforce: compared, checked for conflicts, written, recorded."""

from collections import Counter
from math import ceil

import pandas as pd

from crm_sync.errors import LimitReachedError, QueryError
from crm_sync.pull.watermarks_store import read_watermarks
from crm_sync.push import queue_store as campaigns
from crm_sync.push.members_store import count_pushed, read_people
from crm_sync.push.plan import State, apply_results, mark_limited, mark_unknown, to_write
from crm_sync.push.targets import find_targets
from crm_sync.push.wholes import find_wholes
from crm_sync.salesforce.read.changed_since import ChangeQuery
from crm_sync.salesforce.read.read_plan import requests_to_read
from crm_sync.salesforce.write.plan import WriteLoad, plan_groups
from crm_sync.salesforce.write.records import RecordWrites
from crm_sync.sobject import SObject
from tasks.push.compare import Plans, Push, compare_members, describe_anew, plan_of, read_known, types_of
from tasks.push.follow import follow, follow_refused
from tasks.push.noes import find_noes, look
from tasks.run.forecasts import announce_forecast, polls_of_a_job
from tasks.run.run import utc_now
from tasks.write.send import as_the_org_takes_it, open_writer

# As many members at once as a Bulk job takes well; so many rows fit into memory many times over.
MEMBERS_AT_ONCE = 100_000
# How often records are written that were refused for fields, or lead to other ones; each time without what was refused.
_ROUNDS = 5


def push_members(push: Push, members: pd.DataFrame) -> None:
    """Send what claimed members (`member_id`, `customer_id`) have changed, and record each one's output."""
    push.current.clear()
    plans = _find_plans(push, members)
    find_noes(push, plans)
    try:
        for sobject in plans:
            compare_members(push, plans, sobject)
        asked = [sobject for sobject, plan in plans.items() if _count(plan) and not _is_fresh(push, sobject)]
        _announce(push, plans, asked)
        _look(push, plans, asked)
        push.send(push, plans)
    except LimitReachedError as limit:
        push.recorder.limit = str(limit)
        for plan in plans.values():
            push.recorder.record(mark_limited(plan))


def _find_plans(push: Push, members: pd.DataFrame) -> Plans:
    """Read the customers and the records that they lead to; record the members that lead to none."""
    checked, settings = push.checked, push.checked.settings
    with push.run.database.transaction() as connection:
        people = read_people(connection, members, checked.targets, checked.id_link)
        people = find_targets(connection, people, settings.sobject, follow_converted=settings.follow_converted)
    is_lost = people["code"].notna()
    push.recorder.record(people[is_lost].assign(state=State.UNREACHABLE.value))
    records = read_known(push, people)
    found = {sobject: people[~is_lost & people["sobject"].eq(sobject)] for sobject in checked.links}
    return {sobject: plan_of(push, own, records, sobject) for sobject, own in found.items() if len(own)}


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
        pushed = {sobject: count_pushed(connection, sobject) for sobject in SObject}
    options = as_the_org_takes_it(run, push.checked.write_options)
    written = [] if push.is_dry_run else plan_groups([loads], polls=polls_of_a_job(run), options=options)
    needed = sum(plan.requests for plan in written)
    wanted = Counter({sobject: _count(plans[sobject]) for sobject in asked})
    wanted.update({sobject: len(ids) for sobject, ids in push.noes.ids_by_object().items()})
    needed += requests_to_read(wanted, pushed.__getitem__)
    announce_forecast(run, needed * max(1, ceil(waiting / MEMBERS_AT_ONCE)))


def _count(plan: pd.DataFrame) -> int:
    return int(plan["state"].eq(State.TO_SEND).sum())


def _look(push: Push, plans: Plans, asked: list[SObject]) -> None:
    """Ask what Salesforce has changed since the last pull: take that out of what is sent, and follow records.

    Of those who stand at no it is asked always, whether it still holds that.
    """
    while True:
        queries = []
        for sobject in asked:
            ids = plans[sobject].loc[plans[sobject]["state"].eq(State.TO_SEND), "record_id"]
            if len(ids):
                queries.append(ChangeQuery(sobject, types_of(push, sobject), None, only_ids=list(ids)))
        if not queries and not push.noes.in_doubt:
            return
        try:
            found = look(push, queries)
            break
        except QueryError:
            # What is remembered of the fields is not so any more, unless this run has just asked.
            if not (news := [query.sobject for query in queries if query.sobject not in push.described]):
                raise
            for sobject in news:
                describe_anew(push, sobject)
                compare_members(push, plans, sobject)
    push.current.update(found)
    follow(push, plans, found)
    for sobject in list(plans):
        compare_members(push, plans, sobject)


def write(push: Push, plans: Plans) -> None:
    """Write records; what is refused for single fields, or leads to another record, is written again without or
    there."""
    for number in range(1, _ROUNDS + 1):
        writes = [to_write(plan, sobject, types_of(push, sobject)) for sobject, plan in plans.items() if _count(plan)]
        if not writes:
            return
        _write_once(push, plans, writes, is_last=number == _ROUNDS)
        follow_refused(push, plans)
        for sobject, plan in plans.items():
            if plan["state"].eq(State.QUEUED).any():
                describe_anew(push, sobject)
                compare_members(push, plans, sobject)


def _write_once(push: Push, plans: Plans, writes: list[RecordWrites], *, is_last: bool) -> None:
    """Write records; record each answer before the next request."""

    def still_here() -> None:
        with push.run.database.transaction() as connection:
            campaigns.renew_claims(connection, push.run.number, utc_now())

    writer = open_writer(push.run, push.checked.write_options, still_here=still_here)
    for delivery in writer.write(writes):
        for sobject, plan in plans.items():
            answered = apply_results(
                plan,
                delivery.results,
                find_wholes(push.checked.links[sobject], types_of(push, sobject)),
                can_go_on=not is_last,
                can_describe=not is_last and sobject not in push.described,
            )
            plans[sobject] = push.recorder.record(mark_unknown(answered, delivery.unknown_outcome))
        if delivery.limit:
            raise delivery.limit
