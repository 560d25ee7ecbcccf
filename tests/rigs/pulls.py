"""What happens in Salesforce before a pull, and what the customers have to be after it."""

from typing import Any

from blocks.data_mapping import DataMapping
from crm_sync.database.tables.customers import customer
from crm_sync.mapping.model import FieldLink
from tests.rigs.org import Rig

Row = dict[str, Any]


def add_contact(rig: Rig, **fields: Any) -> str:
    """Let somebody add a contact in Salesforce, and return its Id."""
    return rig.org.records.insert("Contact", {"LastName": "Lovelace", **fields})


def customers_by_key(rig: Rig) -> dict[str, Row]:
    """Return the customers by what tells them apart."""
    return {row["unique_key"]: row for row in rig.rows(customer)}


def agrees_with_full_sync(rig: Rig) -> None:
    """Check that the customers who are spoken for are those of a full sync into an empty database."""
    twin = rig.twin(rig.customers.url.get_secret_value().replace("customers", "twin"))
    twin.sync()
    live = {key: _facts(row) for key, row in customers_by_key(rig).items() if _is_live(row)}
    assert live == {key: _facts(row) for key, row in customers_by_key(twin).items() if _is_live(row)}


def _is_live(row: Row) -> bool:
    return row["deleted_in_salesforce_at"] is None and row["merged_into_customer_id"] is None


def _facts(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in {"id", "created_at", "modified_at"}}


def by_unique_field(field: str) -> DataMapping:
    """Return the standard mapping with another unique field."""
    given = DataMapping()
    objects = {}
    for name in ("lead", "contact"):
        mapping = getattr(given, name)
        links = [link.model_copy(update={"unique": link.salesforce_field == field}) for link in mapping.links]
        if field == "Id":
            links = [link for link in links if link.salesforce_field != "Id"]
            links.append(FieldLink(salesforce_field="Id", name="external_id", unique=True))
        objects[name] = mapping.model_copy(update={"links": links})
    return DataMapping(**objects)
