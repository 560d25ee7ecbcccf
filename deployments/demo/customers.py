"""Customers of the demo: found, and changed as somebody here would change them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update

from crm_sync.database.tables.budget import breaker
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.sobject import SObject


def choose_contacts(
    connection: Connection, number: int, *, with_title: str | None = None, without_title: str | None = None
) -> dict[int, str]:
    """Return the first customers with the Salesforce Id of their source record, a live contact.

    `with_title`: only those with this job title. `without_title`: only others.
    """
    query = (
        select(customer.c.id, customer.c.salesforce_id)
        .join(salesforce_record, salesforce_record.c.id == customer.c.salesforce_id)
        .where(salesforce_record.c.sobject == SObject.CONTACT, ~salesforce_record.c.is_deleted)
        .order_by(customer.c.id)
        .limit(number)
    )
    if with_title is not None:
        query = query.where(customer.c.job_title == with_title)
    if without_title is not None:
        query = query.where(customer.c.job_title.is_distinct_from(without_title))
    return {row.id: row.salesforce_id for row in connection.execute(query)}


def choose_subscribed(connection: Connection) -> tuple[int, str]:
    """Return the id and the Salesforce Id of the first customer that takes e-mail and has a live contact of its own."""
    query = (
        select(customer.c.id, customer.c.salesforce_id)
        .join(salesforce_record, salesforce_record.c.id == customer.c.salesforce_id)
        .where(salesforce_record.c.sobject == SObject.CONTACT, ~salesforce_record.c.is_deleted, customer.c.opt_in)
        .order_by(customer.c.id)
    )
    found = connection.execute(query).first()
    if found is None:
        raise LookupError("the stand-in org has no contact that takes e-mail")
    return found.id, found.salesforce_id


def phone_of(connection: Connection, customer_id: int) -> str | None:
    """Return a customer's phone number."""
    return connection.scalar(select(customer.c.work_phone).where(customer.c.id == customer_id))


def change_customers(connection: Connection, customer_ids: list[int], now: datetime, **values: str | bool) -> None:
    """Give customers other values."""
    chosen = customer.c.id.in_(customer_ids)
    connection.execute(update(customer).where(chosen).values(**values, modified_at=now))


def sample_customers(connection: Connection, number: int) -> list[dict[str, Any]]:
    """Return some customers to look at, spread over the whole table."""
    columns = ["id", "email_address", "firstname", "lastname", "job_title", "city", "status", "opt_in"]
    query = select(*(customer.c[name] for name in columns)).where(_spread(connection, number))
    return [dict(row._mapping) for row in connection.execute(query.order_by(customer.c.id).limit(number))]


def some_customers(connection: Connection, number: int) -> list[int]:
    """Return the ids of some customers with a live record in Salesforce, spread over the whole table."""
    is_live = customer.c.salesforce_id.is_not(None) & customer.c.deleted_in_salesforce_at.is_(None)
    query = select(customer.c.id).where(_spread(connection, number), is_live)
    return list(connection.scalars(query.order_by(customer.c.id).limit(number)))


def _spread(connection: Connection, number: int) -> ColumnElement[bool]:
    highest = connection.scalars(select(func.max(customer.c.id))).one() or 0
    step = max(highest // max(number, 1), 1)
    return customer.c.id % step == 1 % step


def let_the_pause_pass(connection: Connection, now: datetime) -> None:
    """Let the quarter of an hour be over for which a limit stops all requests: nobody waits for it in a demo."""
    connection.execute(update(breaker).values(until=now))
