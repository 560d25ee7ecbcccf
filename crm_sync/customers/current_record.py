"""The lead or contact that stands for a customer now, found in the mirror without a request.

A merged record leads to its master, a converted lead to its contact, and a merged customer to the one that it was
merged into. Of several records the contact goes before the lead, then the newest SystemModstamp, then the highest Id.
"""

from typing import Any

import pandas as pd
from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from crm_sync.database.frames import frame_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import Instant, customer, salesforce_record
from crm_sync.sobject import SObject

# Salesforce merges and converts one by one. A longer chain, or a circle, leads nowhere.
MOST_HOPS = 20


def current_records(starts: Select[Any], *, follow_converted: bool = True) -> CTE:
    """Return where the records in the select lead to, as a CTE.

    `starts` has two columns: a key of the caller's, and the Id of a record. Columns: `key`; `record_id`,
    `is_deleted` and `is_converted` of the record at the end, which is usable when it is neither; `system_modstamp`, the
    last one on the way that the mirror has. An Id that the mirror does not have is usable: Salesforce knows it.
    """
    first = starts.subquery("first_record")
    chain = select(
        first.c[0].label("key"),
        cast(null(), Text).label("record_id"),
        false().label("is_deleted"),
        false().label("is_converted"),
        cast(null(), Instant).label("system_modstamp"),
        first.c[1].label("next_id"),
        literal(0).label("place"),
    ).cte("record_chain", recursive=True)
    here = salesforce_record.alias("here")
    chain = chain.union_all(
        select(
            chain.c.key,
            chain.c.next_id,
            func.coalesce(here.c.is_deleted, false()),
            func.coalesce(here.c.is_converted, false()),
            func.coalesce(here.c.system_modstamp, chain.c.system_modstamp),
            _next_id(here, follow_converted=follow_converted),
            chain.c.place + 1,
        )
        .join_from(chain, here, here.c.id == chain.c.next_id, isouter=True)
        .where(chain.c.next_id.is_not(None), chain.c.place <= MOST_HOPS)
    )
    is_end = and_(chain.c.place > 0, or_(chain.c.next_id.is_(None), chain.c.place > MOST_HOPS))
    names = ("key", "record_id", "is_deleted", "is_converted", "system_modstamp")
    return select(*(chain.c[name] for name in names)).where(is_end).cte("current_record")


def find_current_records(connection: Connection, ids: pd.Series, *, follow_converted: bool) -> pd.DataFrame:
    """Return where the records of these Ids lead to, by Id: `record_id` (text), `is_deleted`, `is_converted`."""
    own = stage(connection, "staged_own_record", ids.to_frame("id"))
    found = current_records(select(own.c.id, own.c.id), follow_converted=follow_converted)
    names = ["key", "record_id", "is_deleted", "is_converted"]
    rows = connection.execute(select(*(found.c[name] for name in names)))
    return frame_of(rows, names).astype({"key": "str"}).set_index("key")


def current_records_of_customers(customers: Select[Any], *, both_objects: bool) -> CTE:
    """Return the usable records of the customers in the select (one column, their ids), as a CTE.

    Columns: `customer_id`, `sobject`, `parent_id`, `system_modstamp` (of the record as the mirror has it). One row a
    customer; with `both_objects` one for its lead and one for its contact.
    """
    standing, record = _merged_into(customers), salesforce_record
    records = select(standing.c.person_id, record.c.id).join_from(
        standing, record, record.c.unique_key == standing.c.unique_key
    )
    # Most records stand for themselves: only the others go through the chain, which costs twice as much a record.
    leads_on = or_(record.c.is_deleted, record.c.is_converted)
    direct = records.add_columns(record.c.system_modstamp).where(~leads_on)
    found = current_records(records.where(leads_on))
    ends = select(found.c.key, found.c.record_id, found.c.system_modstamp)
    every = union_all(direct, ends.where(~found.c.is_deleted, ~found.c.is_converted)).subquery("every")
    is_contact = func.substr(every.c.id, 1, 3) == SObject.CONTACT.id_prefix
    usable = select(
        every.c.person_id.label("customer_id"),
        case((is_contact, SObject.CONTACT.value), else_=SObject.LEAD.value).label("sobject"),
        every.c.id.label("parent_id"),
        every.c.system_modstamp,
    ).subquery("usable")
    one_of = [usable.c.customer_id, *([usable.c.sobject] if both_objects else [])]
    # By name, a contact comes before a lead.
    order = [usable.c.sobject, usable.c.system_modstamp.desc(), usable.c.parent_id.desc()]
    ranked = select(usable, func.row_number().over(partition_by=one_of, order_by=order).label("rank")).subquery()
    return select(*(ranked.c[column.name] for column in usable.c)).where(ranked.c.rank == 1).cte("target")


def _merged_into(customers: Select[Any]) -> FromClause:
    """Return `person_id` of each customer, and the `unique_key` of the one that stands for it."""
    person, into = customers.cte("person"), customer.alias("into")
    columns = (customer.c.unique_key, customer.c.merged_into_customer_id)
    own = select(person.c[0].label("person_id"), *columns).join_from(person, customer, customer.c.id == person.c[0])
    is_merged = customer.c.merged_into_customer_id.is_not(None)
    chain = own.add_columns(literal(0).label("place")).where(is_merged).cte("customer_chain", recursive=True)
    chain = chain.union_all(
        select(chain.c.person_id, into.c.unique_key, into.c.merged_into_customer_id, chain.c.place + 1)
        .join_from(chain, into, into.c.id == chain.c.merged_into_customer_id)
        .where(chain.c.place < MOST_HOPS)
    )
    ends = select(chain.c.person_id, chain.c.unique_key).where(chain.c.merged_into_customer_id.is_(None))
    return union_all(
        own.with_only_columns(person.c[0].label("person_id"), customer.c.unique_key).where(~is_merged), ends
    ).subquery()


def _next_id(record: FromClause, *, follow_converted: bool) -> ColumnElement[Any]:
    master = case((record.c.is_deleted, record.c.master_record_id))
    if not follow_converted:
        return master
    return func.coalesce(master, case((record.c.is_converted, record.c.converted_contact_id)))
