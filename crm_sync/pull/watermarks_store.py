"""Up to when each object of an org is stored, by Salesforce's clock, and with which mapping."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, case, delete, select, update

from crm_sync.database.dialects import insert_for
from crm_sync.database.tables.customers import watermark
from crm_sync.mapping.checked import ResolvedMapping
from crm_sync.salesforce.limits import RECYCLE_BIN
from crm_sync.sobject import SObject


@dataclass(frozen=True)
class Watermark:
    """Every change of `sobject` up to `stored_until` is stored.

    `mapping_fingerprint` and `unique_field` are those of the last full sync, the fingerprint empty after a pause in
    which deletions were forgotten; `field_types` holds the described type of each mapped field, None for one that
    Salesforce does not show; `consent_links` names the links to consent that the last full sync read;
    `formulas_read_at` is when what changes without a stamp was read of all records.
    """

    sobject: SObject
    stored_until: datetime
    mapping_fingerprint: str
    unique_field: str
    field_types: dict[str, str | None]
    consent_links: str = ""
    formulas_read_at: datetime | None = None


def watermark_of(mapping: ResolvedMapping, sobject: SObject, stored_until: datetime) -> Watermark:
    """Return the watermark of an object that a sync with this mapping has stored up to that moment."""
    return Watermark(
        sobject=sobject,
        stored_until=stored_until,
        mapping_fingerprint=mapping.saved.fingerprint(sobject),
        unique_field=mapping.saved.of(sobject).unique_link.salesforce_field,
        field_types=mapping.field_types(sobject),
        consent_links=mapping.saved.of(sobject).consent_links,
        formulas_read_at=stored_until,
    )


def read_watermarks(connection: Connection, org: str) -> dict[SObject, Watermark]:
    """Return the watermark of every object of the org that was once read whole."""
    columns = [column for column in watermark.c if column.name != "org"]
    rows = connection.execute(select(*columns).where(watermark.c.org == org))
    marks = (Watermark(**{**row._mapping, "sobject": SObject(row.sobject)}) for row in rows)
    return {mark.sobject: mark for mark in marks}


def move_watermark(connection: Connection, org: str, mark: Watermark) -> None:
    """Record how far a pull has stored an object, never less far than before; belongs in the batch's transaction.

    What the last full sync left of itself stays: another one may have ended while the pull was at work.
    """
    was, now = watermark.c.stored_until, mark.stored_until
    connection.execute(
        update(watermark)
        .where(watermark.c.org == org, watermark.c.sobject == mark.sobject)
        .values(
            stored_until=case((was > now, was), else_=now),
            field_types=mark.field_types,
            formulas_read_at=mark.formulas_read_at,
            mapping_fingerprint=case((was < now - RECYCLE_BIN, ""), else_=watermark.c.mapping_fingerprint),
        )
    )


def advance_watermark(connection: Connection, org: str, mark: Watermark) -> None:
    """Record how far a full sync has stored an object, never less far than before, and by which mapping."""
    row = asdict(mark)
    statement = insert_for(connection, watermark).values(org=org, **row)
    later = case(
        (watermark.c.stored_until > statement.excluded.stored_until, watermark.c.stored_until),
        else_=statement.excluded.stored_until,
    )
    connection.execute(
        statement.on_conflict_do_update(index_elements=["org", "sobject"], set_=row | {"stored_until": later})
    )


def remember_types(connection: Connection, org: str, mark: Watermark, types: Mapping[str, str]) -> None:
    """Keep the types of an object's mapped fields as Salesforce describes them now, None for one that it hides."""
    described = {name: types.get(name) for name in mark.field_types}
    where = (watermark.c.org == org, watermark.c.sobject == mark.sobject)
    connection.execute(update(watermark).where(*where).values(field_types=described))


def forget_unmapped(connection: Connection, org: str, mapped: Collection[SObject]) -> None:
    """Delete the watermarks of the other objects: what their records would make of customers is out of date by now."""
    connection.execute(delete(watermark).where(watermark.c.org == org, watermark.c.sobject.not_in(mapped)))
