"""Customers whose fields have given values: the selection held against what exists, then found."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, func, select

from crm_sync.database.dialects import json_member
from crm_sync.database.tables.customers import customer
from crm_sync.errors import ConfigurationError
from crm_sync.push.selection import CLOSED_LISTS, FieldEquals
from crm_sync.push.typed_names import SELECTABLE, did_you_mean, find_field, listed, same_name


def check_selection(
    connection: Connection, selection: Collection[FieldEquals], linked_options: Collection[str]
) -> list[FieldEquals]:
    """Return the conditions with their names and values as they are kept.

    Raises ConfigurationError for a name that is no customer field and no option field that the mapping links or any
    customer has, and for a value that its field cannot have.
    """
    return [_checked(connection, one, linked_options) for one in selection]


def find_selected(connection: Connection, selection: Collection[FieldEquals]) -> list[int]:
    """Return the customers that meet every condition, which are checked; those joined to another one are left out."""
    conditions = [_condition(connection, one) for one in selection]
    query = select(customer.c.id).where(customer.c.merged_into_customer_id.is_(None), *conditions)
    return list(connection.scalars(query.order_by(customer.c.id)))


def _checked(connection: Connection, one: FieldEquals, linked_options: Collection[str]) -> FieldEquals:
    name = find_field(one.field, linked_options)
    if name is None:
        options = _options_of_customers(connection)
        name = find_field(one.field, options)
        if name is None:
            known = [*SELECTABLE, *linked_options, *options]
            raise ConfigurationError(
                f"There is no customer field '{one.field}' to select by{did_you_mean(one.field, known) or '.'} "
                "Nobody has entered the campaign."
            )
    found = one.model_copy(update={"field": name})
    if name in CLOSED_LISTS and one.equals:
        found = found.model_copy(update={"equals": _listed_value(connection, found)})
    found.value()
    return found


def _listed_value(connection: Connection, one: FieldEquals) -> str:
    """Return a value of a closed list as customers have it, or as the list has it."""
    column = customer.c[one.field]
    known = [*connection.scalars(select(column).where(column.is_not(None)).distinct()), *CLOSED_LISTS[one.field]]
    value = same_name(one.equals, known)
    if value is None:
        raise ConfigurationError(
            f"{one.field} never has the value that the selection asks for{did_you_mean(one.equals, known) or '.'} It "
            f"is one of {listed(dict.fromkeys(known))}."
        )
    return value


def _options_of_customers(connection: Connection) -> list[str]:
    options = customer.c.options
    if connection.dialect.name == "postgresql":
        return sorted(connection.scalars(select(func.jsonb_object_keys(options).label("name")).distinct()))
    keys = func.json_each(options).table_valued("key")
    return sorted(
        connection.scalars(select(keys.c.key).select_from(customer).join(keys, keys.c.key.is_not(None)).distinct())
    )


def _condition(connection: Connection, one: FieldEquals) -> ColumnElement[bool]:
    if one.field in SELECTABLE:
        column = customer.c[one.field]
        return column == one.value() if one.equals else column.is_(None)
    value = json_member(connection, customer.c.options, one.field, "->>")
    return value == one.equals if one.equals else value.is_(None)
