"""Customers of the demo: found, and changed as somebody here would change them."""

from datetime import datetime

from sqlalchemy import Connection, select, update

from crm_sync.customers.tables import customer, salesforce_record
from crm_sync.mapping import SObject


def choose_contacts(
    connection: Connection, number: int, *, with_title: str | None = None, without_title: str | None = None
) -> dict[int, str]:
    """Return some of the first customers with the Salesforce Id of the live contact that speaks for them.

    `with_title`: only those with this job title, wherever they are. `without_title`: leave out those with it.
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
    chosen = query.add_columns(customer.c.job_title)
    return {row.id: row.salesforce_id for row in connection.execute(chosen) if row.job_title != without_title}


def change_customers(connection: Connection, customer_ids: list[int], now: datetime, **values: str | bool) -> None:
    """Give customers other values."""
    chosen = customer.c.id.in_(customer_ids)
    connection.execute(update(customer).where(chosen).values(**values, modified_at=now))
