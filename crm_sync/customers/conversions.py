"""A converted lead and its contact are one person, also when their unique keys differ.

The customer follows the contact. A customer whose source is a converted lead is merged into the contact's customer and
no longer mailed, for as long as the contact is there; a contact that was merged leads to its master.
"""

from datetime import datetime

import pandas as pd
from sqlalchemy import ColumnElement, Connection, FromClause, Select, Table, and_, func, select

from crm_sync.customers.current_record import MOST_HOPS, current_records
from crm_sync.customers.key_changes import read_masters, staged_with, store_merges
from crm_sync.database.frames import frame_of, in_parts
from crm_sync.database.tables.customers import customer, salesforce_record


def contacts_of_converted_leads(connection: Connection, staged: Table) -> pd.DataFrame:
    """Return `id` and `old_key` of staged contacts whose customer was known by their converted lead's key.

    Only of contacts that are new to the mirror: later the customer follows the contact's own key.
    """
    lead, known = salesforce_record.alias("lead"), salesforce_record.alias("known")
    differs = and_(lead.c.is_converted, ~lead.c.is_deleted, lead.c.unique_key != staged.c.unique_key)
    come = (
        select(staged.c.id, lead.c.unique_key)
        .join_from(staged, lead, lead.c.converted_contact_id == staged.c.id)
        .join(known, known.c.id == staged.c.id, isouter=True)
        .where(known.c.id.is_(None), differs)
    )
    contacts = _with_leads(connection, staged, select(func.count()).select_from(lead).where(differs), lead)
    rows = [row for some in in_parts(contacts) for row in connection.execute(come.where(staged.c.id.in_(some)))]
    return frame_of(rows, ["id", "old_key"]).astype("str")


def merge_converted(connection: Connection, staged: Table, leads: pd.Series, now: datetime) -> None:
    """Merge the customers whose source is a converted lead into the customer of its contact, or undo that.

    `leads`: Ids of converted leads that are primary now; leads of the `staged` contacts are looked up.
    """
    lead, own = salesforce_record.alias("lead"), customer.alias("own")
    sources = select(func.count()).select_from(lead).join(own, _is_source(own, lead))
    led_from = _with_leads(connection, staged, sources, lead)
    contacts = pd.concat([led_from, _merged_into(connection, read_masters(connection, staged))])
    rows = [
        row
        for column, ids in ((lead.c.id, leads), (lead.c.converted_contact_id, contacts))
        for some in in_parts(ids)
        for row in connection.execute(_to_merge(lead, column.in_(some)))
    ]
    if not rows:
        return
    pairs = frame_of(rows, ["customer_id", "into_customer_id"]).astype("Int64").drop_duplicates("customer_id")
    store_merges(connection, pairs, now)


def _to_merge(lead: FromClause, condition: ColumnElement[bool]) -> Select[tuple[int, int]]:
    """Return each customer whose source is one of these leads, with the contact's customer, where that is news."""
    own, into, contact = customer.alias("own"), customer.alias("into"), salesforce_record.alias("contact")
    converted = select(own.c.id, lead.c.id).join_from(lead, own, _is_source(own, lead))
    found = current_records(converted.where(condition, lead.c.is_converted, ~lead.c.is_deleted))
    source = (
        found.join(own, own.c.id == found.c.key)
        .join(contact, and_(contact.c.id == found.c.record_id, ~contact.c.is_deleted), isouter=True)
        .join(into, and_(into.c.unique_key == contact.c.unique_key, into.c.id != own.c.id), isouter=True)
    )
    return (
        select(own.c.id, into.c.id).select_from(source).where(own.c.merged_into_customer_id.is_distinct_from(into.c.id))
    )


def _is_source(own: FromClause, lead: FromClause) -> ColumnElement[bool]:
    return and_(own.c.unique_key == lead.c.unique_key, own.c.salesforce_id == lead.c.id)


def _with_leads(connection: Connection, staged: Table, leads: Select[tuple[int]], lead: FromClause) -> pd.Series:
    """Return the Ids of the staged contacts that some of these leads were converted into."""
    return staged_with(connection, staged, leads.where(lead.c.converted_contact_id == staged.c.id))


def _merged_into(connection: Connection, masters: pd.Series) -> pd.Series:
    """Return the Ids of the records that were merged into these, over any number of merges."""
    found = [masters[:0]]
    for _ in range(MOST_HOPS):
        if masters.empty:
            break
        losers = select(salesforce_record.c.id)
        merged = (losers.where(salesforce_record.c.master_record_id.in_(some)) for some in in_parts(masters))
        masters = pd.Series([one for query in merged for one in connection.scalars(query)], dtype="str")
        found.append(masters)
    everyone: pd.Series = pd.concat(found)
    return everyone
