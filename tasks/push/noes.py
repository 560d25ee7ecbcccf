"""A look at what Salesforce holds of the noes of a push's members, asked together with what else it has changed."""

from collections.abc import Mapping

import pandas as pd

from crm_sync.errors import QueryError
from crm_sync.push.noes import current_words
from crm_sync.push.noes_store import read_noes
from crm_sync.salesforce.read.changed_since import ChangeQuery
from crm_sync.sobject import SObject
from tasks.push.compare import Plans, Push, fields_of
from tasks.push.conflict_check import check_conflicts


def find_noes(push: Push, plans: Plans) -> None:
    """Find the members who stand at no, and the records that are to hold it."""
    every = pd.concat([pd.Series(dtype="int64"), *(plan["customer_id"] for plan in plans.values())])
    with push.run.database.transaction() as connection:
        push.noes.begin(read_noes(connection, every, push.checked.rules.linked_consent))


def look(push: Push, queries: list[ChangeQuery]) -> dict[SObject, pd.DataFrame]:
    """Ask for changed records, and with them for those that are to hold noes, if any; these are settled then."""
    noes = push.noes
    asked = _queries(push) if noes.in_doubt else []
    try:
        found = check_conflicts(push.run, [*queries, *asked])
    except QueryError:
        if not asked:
            raise
        # By themselves, so that each has its own reason when it is refused.
        _settle(push, asked, _asked_alone(push, asked))
        return look(push, queries)
    if noes.in_doubt:
        _settle(push, asked, found)
    return {query.sobject: found[query.name] for query in queries}


def _queries(push: Push) -> list[ChangeQuery]:
    rules, queries = push.checked.rules, []
    for sobject, ids in push.noes.ids_by_object().items():
        fields = fields_of(push, sobject)
        links = [rules.of(sobject).unique_link, *rules.consent_links(sobject).values()]
        types = {name: fields[name].type if name in fields else "" for name in (one.salesforce_field for one in links)}
        queries.append(ChangeQuery(sobject, types, None, only_ids=ids, what="opt-outs"))
    return queries


def _asked_alone(push: Push, asked: list[ChangeQuery]) -> dict[str, pd.DataFrame]:
    try:
        return check_conflicts(push.run, asked)
    except QueryError:
        # An opt-out field that Salesforce does not show: nobody knows what its records hold.
        return {query.name: pd.DataFrame(columns=query.columns, index=list(query.only_ids or ())) for query in asked}


def _settle(push: Push, asked: list[ChangeQuery], found: Mapping[str, pd.DataFrame]) -> None:
    push.noes.settle(current_words({query.sobject: found[query.name] for query in asked}, push.checked.rules))
