"""Time that passes for both sides alike: what is stored in the org and here becomes older, and no clock is wrong."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, Table, bindparam, delete, select, update

from crm_sync.database.tables.campaigns import campaign_member
from crm_sync.database.tables.consent import address_consent, consent_candidate, consent_delivery, installation
from crm_sync.database.tables.customers import Instant, checkpoint, salesforce_record, watermark
from standins.salesforce.soql.sql import stamp
from tests.rigs.org import Rig

_TABLES: list[Table] = [
    *(salesforce_record, watermark, address_consent, consent_candidate, consent_delivery, campaign_member)
]
_LOOKED_AT = "consent_looked_at"


def let_all_age(rig: Rig, **by: float) -> None:
    """Let time pass; a full sync that was cut begins anew, since the snapshot of its job does not get older."""
    age = timedelta(**by)
    for sobject in ("Lead", "Contact"):
        for row in rig.people(sobject):
            older = stamp(datetime.fromisoformat(row["SystemModstamp"]) - age)
            rig.org.records.recalculate(sobject, row["Id"], {"SystemModstamp": older})
    opened = rig.customers.open()
    with opened.transaction() as connection:
        connection.execute(delete(checkpoint))
        for table in _TABLES:
            _age(connection, table, age)
        name, value = installation.c.name, installation.c.value
        if at := connection.scalar(select(value).where(name == _LOOKED_AT)):
            older = (datetime.fromisoformat(at) - age).isoformat()
            connection.execute(update(installation).where(name == _LOOKED_AT).values(value=older))
    opened.close()


def _age(connection: Connection, table: Table, age: timedelta) -> None:
    keys, moments = [*table.primary_key], [column for column in table.c if isinstance(column.type, Instant)]
    rows = [
        {f"key_{key.name}": row._mapping[key] for key in keys}
        | {one.name: row._mapping[one] and row._mapping[one] - age for one in moments}
        for row in connection.execute(select(*keys, *moments))
    ]
    if rows:
        same = [key == bindparam(f"key_{key.name}") for key in keys]
        new = {one.name: bindparam(one.name, type_=one.type) for one in moments}
        connection.execute(update(table).where(*same).values(new), rows)
