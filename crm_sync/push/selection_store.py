"""Customers whose fields have given values, as conditions on the customer table."""

from sqlalchemy import ColumnElement, Connection, Text, cast

from crm_sync.database.tables.customers import customer
from crm_sync.errors import ConfigurationError
from crm_sync.mapping.customer_fields import CUSTOMER_FIELDS
from crm_sync.push.selection import FieldEquals

_OTHER_COLUMNS = ("status", "mail_status")


def build_conditions(connection: Connection, selection: list[FieldEquals]) -> list[ColumnElement[bool]]:
    """Return the conditions; raises ConfigurationError for a value that its field cannot have."""
    return [_condition(connection, one) for one in selection]


def _condition(connection: Connection, one: FieldEquals) -> ColumnElement[bool]:
    if one.field in CUSTOMER_FIELDS or one.field in _OTHER_COLUMNS:
        column = customer.c[one.field]
        return column == one.value() if one.equals else column.is_(None)
    if '"' in one.field:
        raise ConfigurationError("A customer option field cannot have a quote in its name; correct the selection.")
    options = customer.c.options
    path = cast(one.field, Text) if connection.dialect.name == "postgresql" else f'$."{one.field}"'
    value = cast(options.op("->>")(path), Text)
    return value == one.equals if one.equals else value.is_(None)
