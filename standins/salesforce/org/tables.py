"""An SQLite table for each sObject."""

from standins.salesforce.ids import make_id
from standins.salesforce.schema.fields import COMPOUND, Field, SObject

_COLUMN_TYPES = {
    "boolean": "INTEGER NOT NULL DEFAULT 0",
    "int": "INTEGER",
    "double": "REAL",
    "currency": "REAL",
    "date": "TEXT",
    "datetime": "TEXT",
    "id": "TEXT NOT NULL",
    "reference": "TEXT",
}
_COMPUTED = {
    ("Name", "personname"): "TEXT COLLATE NOCASE AS (TRIM(COALESCE(FirstName || ' ', '') || LastName))",
    ("IsEmailBounced", None): "INTEGER AS (EmailBouncedDate IS NOT NULL)",
}
FIRST_USER_ID = make_id("005", 1)


def table_of(sobject: SObject) -> str:
    """Return the SQL that makes the table of an sObject unless it is there."""
    columns = ", ".join(column_of(field) for field in sobject if field.type not in COMPOUND)
    if sobject.field("IsDeleted") is None:
        # The org and its users never are, and queries need not know.
        columns += ", IsDeleted INTEGER NOT NULL DEFAULT 0"
    made = (
        f'CREATE TABLE IF NOT EXISTS "{sobject.name}" (n INTEGER PRIMARY KEY, {columns});'
        f'CREATE UNIQUE INDEX IF NOT EXISTS "{sobject.name}_id" ON "{sobject.name}" (Id);'
    )
    if sobject.field("SystemModstamp"):
        made += f'CREATE INDEX IF NOT EXISTS "{sobject.name}_stamp" ON "{sobject.name}" (SystemModstamp);'
    return made


def column_of(field: Field) -> str:
    """Return the SQL that defines the column of a field."""
    if field.number_format:
        before, digits = field.number_format.rstrip("}").split("{")
        return f"\"{field.name}\" TEXT COLLATE NOCASE AS (PRINTF('{before}%0{len(digits)}d', n))"
    if computed := _COMPUTED.get((field.name, field.extra)):
        return f'"{field.name}" {computed}'
    if field.name == "OwnerId":
        return f"\"OwnerId\" TEXT NOT NULL DEFAULT '{FIRST_USER_ID}'"
    if isinstance(field.default, str):
        return f"\"{field.name}\" TEXT COLLATE NOCASE NOT NULL DEFAULT '{field.default}'"
    return f'"{field.name}" {_COLUMN_TYPES.get(field.type, "TEXT COLLATE NOCASE")}'
