"""Lands what records outside of the mapping's condition say of consent, and nothing else of them."""

from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Table, and_, case, literal, or_, select, union

from crm_sync.columns.membership import among
from crm_sync.consent.queue_store import queue_withdrawals
from crm_sync.consent.readings_store import ReadingContext, customers_of, enter_readings, read_until
from crm_sync.consent.standing_store import follow_addresses, refresh_consent
from crm_sync.consent_words import SAYS_NO
from crm_sync.customers import mirror
from crm_sync.customers.landing import newest_versions, one_at_a_time
from crm_sync.customers.landing_context import LandingContext
from crm_sync.database.dialects import insert_from
from crm_sync.database.frames import frame_of
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.erasure.known_store import without_erased
from crm_sync.mapping.transform import RECORD_COLUMNS
from crm_sync.sobject import SObject


def land_bystanders(connection: Connection, batch: pd.DataFrame, sobject: SObject, landing: LandingContext) -> None:
    """Land a batch that `map_bystanders` gave; it may hold records that take part, when those are landed before.

    Kept in the mirror are the records that say no, and those that it holds already. A record that took part before
    keeps its values there; only what it says of consent is new.
    """
    one_at_a_time(connection)
    newest, _ = without_erased(connection, landing.hashes, newest_versions(batch))
    news = newest[among(newest["id"], _news(connection, mirror.stage_records(connection, newest)))]
    if news.empty:
        return
    staged = mirror.stage_records(connection, news)
    context = ReadingContext(landing.sync_run_id, landing.now, landing.known_until, landing.new_consent)
    hashes = enter_readings(connection, staged, sobject, context)
    sources = select(customer.c.id).join(staged, staged.c.id == customer.c.salesforce_id)
    touched = union(customers_of(connection, hashes), sources).subquery()
    _keep(connection, staged, landing)
    follow_addresses(connection, select(touched.c[0]), landing.hashes, run=landing.sync_run_id, now=landing.now)
    refresh_consent(connection, select(touched.c[0]), landing.now)
    queue_withdrawals(connection, select(touched.c[0]), landing.rules.linked_consent, landing.now)


def _news(connection: Connection, staged: Table) -> pd.Series:
    """Return the Ids of those records that say something new, or a no of a record that is not known."""
    known = salesforce_record.c
    says_other = or_(*(known[name].is_distinct_from(staged.c[name]) for name in SAYS_NO.values()))
    is_news = and_(
        known.id.is_not(None),
        read_until() <= staged.c.system_modstamp,
        or_(says_other, read_until() < staged.c.system_modstamp),
    )
    says_no = or_(*(staged.c[name] for name in SAYS_NO.values()))
    is_first = and_(known.id.is_(None), ~staged.c.is_deleted, says_no)
    query = select(staged.c.id).join_from(staged, salesforce_record, known.id == staged.c.id, isouter=True)
    return frame_of(connection.execute(query.where(or_(is_news, is_first))), ["id"])["id"].astype("str")


def _keep(connection: Connection, staged: Table, landing: LandingContext) -> None:
    """Write into the mirror what the records say of consent, and as of when."""
    row: dict[str, ColumnElement[Any]] = {name: staged.c[name] for name in RECORD_COLUMNS}
    row |= {
        "read_at": literal(landing.read_at, salesforce_record.c.read_at.type),
        "consent_stamp": staged.c.system_modstamp,
    }
    insert = insert_from(connection, salesforce_record, row)
    new, old = insert.excluded, salesforce_record.c
    changes: dict[str, ColumnElement[Any]] = {
        name: new[name] for name in (*SAYS_NO.values(), "read_at", "consent_stamp")
    }
    # Of a record that took part, the customer still has the address that the mirror has.
    never_took_part = old.unique_key.is_(None)
    for name in ("address_hash", "is_deleted"):
        changes[name] = case((never_took_part, new[name]), else_=old[name])
    connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=changes))
