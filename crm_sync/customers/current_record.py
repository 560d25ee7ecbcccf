"""The lead or contact that stands for a customer now, found in the mirror without a request.

A customer that was joined to another one is that one; a converted lead is its contact, a merge loser its master.
Of several records the contact goes before the lead, then the newest SystemModstamp, then the highest Id.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, and_, case, false, func, or_, select
from sqlalchemy.sql.selectable import FromClause

from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.sobject import SObject

# How often a customer was joined to one that was joined, or a record merged into one that was merged.
_HOPS = 3


def targets_of(customers: Select[Any], *, both_objects: bool) -> CTE:
    """Return the usable records of the customers in the select (one column, their ids), as a CTE.

    Columns: `customer_id`, `sobject`, `parent_id`, `system_modstamp` (of the record as the mirror has it). One row a
    customer; with `both_objects` one for its lead and one for its contact.
    """
    reached = _records_of(customers.cte("person"))
    one_of = [reached.c.customer_id, *([reached.c.sobject] if both_objects else [])]
    # By name, a contact comes before a lead.
    order = [reached.c.sobject, reached.c.system_modstamp.desc(), reached.c.parent_id.desc()]
    ranked = select(reached, func.row_number().over(partition_by=one_of, order_by=order).label("rank")).subquery()
    columns = [ranked.c[name] for name in ("customer_id", "sobject", "parent_id", "system_modstamp")]
    return select(*columns).where(ranked.c.rank == 1).cte("target")


def _records_of(person: CTE) -> FromClause:
    """Return every usable record that the customers' records lead to; the same one perhaps several times."""
    joined = [customer.alias(f"customer_{hop}") for hop in range(_HOPS + 1)]
    records = [salesforce_record.alias(f"record_{hop}") for hop in range(_HOPS + 1)]
    source: FromClause = person.join(joined[0], joined[0].c.id == person.c[0])
    for one, into in pairwise(joined):
        source = source.join(into, into.c.id == one.c.merged_into_customer_id, isouter=True)
    key = func.coalesce(*(one.c.unique_key for one in reversed(joined)))
    source = source.join(records[0], records[0].c.unique_key == key)
    for one, following in pairwise(records):
        source = source.join(following, following.c.id == _next_id(one), isouter=True)
    parent_id = _at_the_end(records, [records[0].c.id, *map(_next_id, records)])
    # A record that the mirror does not have is taken at its word: Salesforce knows it.
    is_gone = _at_the_end(
        records,
        [or_(records[0].c.is_deleted, records[0].c.is_converted)]
        + [func.coalesce(or_(one.c.is_deleted, one.c.is_converted), false()) for one in records[1:]],
    )
    stamp = func.coalesce(*(one.c.system_modstamp for one in reversed(records)))
    is_contact = func.substr(parent_id, 1, 3) == SObject.CONTACT.id_prefix
    found = select(
        person.c[0].label("customer_id"),
        case((is_contact, SObject.CONTACT.value), else_=SObject.LEAD.value).label("sobject"),
        parent_id.label("parent_id"),
        stamp.label("system_modstamp"),
    )
    return found.select_from(source).where(~is_gone).subquery()


def _next_id(record: FromClause) -> ColumnElement[Any]:
    return case(
        (and_(record.c.is_converted, record.c.converted_contact_id.is_not(None)), record.c.converted_contact_id),
        (record.c.is_deleted, record.c.master_record_id),
    )


def _at_the_end(records: Sequence[FromClause], values: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """Return the value of the first record that leads no further."""
    ends = [(_next_id(record).is_(None), value) for record, value in zip(records[:-1], values, strict=False)]
    return case(*ends, else_=values[len(records) - 1])
