"""What Salesforce said of an object's fields, kept so that a push need not ask."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from crm_sync.database.dialects import insert_for
from crm_sync.database.tables.campaigns import described_object
from crm_sync.push_fields import as_json, from_json
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.sobject import SObject

# A push that would refuse a value asks again anyway, so what is kept may be old.
_KEPT = timedelta(days=7)


@dataclass(frozen=True)
class KeptFields:
    """Fields as Salesforce described them at a moment."""

    fields: dict[str, FieldDescription]
    described_at: datetime


def read_fields(connection: Connection, org: str, sobject: SObject, now: datetime) -> KeptFields | None:
    """Return the fields as Salesforce described them within the last week, or None."""
    kept = select(described_object.c.fields, described_object.c.described_at).where(
        described_object.c.org == org,
        described_object.c.sobject == sobject,
        described_object.c.described_at > now - _KEPT,
    )
    found = connection.execute(kept).one_or_none()
    return None if found is None else KeptFields(from_json(found.fields), found.described_at)


def keep_fields(
    connection: Connection, org: str, sobject: SObject, fields: dict[str, FieldDescription], now: datetime
) -> None:
    """Keep what Salesforce says of its fields."""
    row = {"fields": as_json(fields), "described_at": now}
    statement = insert_for(connection, described_object).values(org=org, sobject=str(sobject), **row)
    connection.execute(statement.on_conflict_do_update(index_elements=["org", "sobject"], set_=row))


def forget_fields(connection: Connection, org: str) -> None:
    """Forget them, as after Salesforce refused a field: the next push asks again."""
    connection.execute(delete(described_object).where(described_object.c.org == org))
