"""What a push reads: the values of claimed members, and the mirror's rows of the records they lead to."""

import json
from collections.abc import Mapping, Sequence

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Text, cast, func, select

from crm_sync.columns.texts import as_texts
from crm_sync.customers import mirror
from crm_sync.customers.mirror import to_records
from crm_sync.database.dialects import json_member
from crm_sync.database.frames import frame_of
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.mapping.customer_fields import FieldType
from crm_sync.mapping.model import CustomerFieldKind, FieldLink
from crm_sync.push.queue_store import stage_ids
from crm_sync.sobject import SObject

_YES_NO = {"1": "true", "0": "false"}


def read_people(
    connection: Connection, members: pd.DataFrame, links: Sequence[FieldLink], id_link: FieldLink
) -> pd.DataFrame:
    """Return a row per member: `member_id`, `customer_id`, `modified_at`, `is_joined`, `own_id` and, as text, a column
    per customer field (`FieldLink.column`)."""
    staged = stage_ids(connection, members["customer_id"])
    links = [id_link, *links]
    columns = [_value(connection, link).label(f"v{place}") for place, link in enumerate(links)]
    query = select(
        customer.c.id, customer.c.modified_at, customer.c.merged_into_customer_id.is_not(None), *columns
    ).join(staged, staged.c.customer_id == customer.c.id)
    names = ["customer_id", "modified_at", "is_joined", *(column.name for column in columns)]
    found = frame_of(connection.execute(query), names)
    for column, link in zip(columns, links, strict=True):
        texts = found.pop(column.name).astype("str")
        name = "own_id" if column.name == "v0" else link.column
        found[name] = _from_json(texts) if link.kind is CustomerFieldKind.OPTION else _plain(texts, link)
    found["is_joined"] = found["is_joined"].astype("bool")
    return members.merge(found, on="customer_id").reset_index(drop=True)


def read_records(connection: Connection, ids: pd.Series, fields: Mapping[SObject, list[str]]) -> pd.DataFrame:
    """Return, by Id, what the mirror has of these records: a text column per Salesforce field of any object."""
    every = list(dict.fromkeys(name for names in fields.values() for name in names))
    rows = mirror.read_records(connection, ids)
    if rows.empty:
        return pd.DataFrame(dict.fromkeys(every, pd.Series(dtype="str")))
    return to_records(rows, every)[every].set_axis(rows["id"].astype("str"))


def count_pushed(connection: Connection, sobject: SObject) -> int:
    """Return how many records of an object pushes have written since a pull last read them."""
    pushed = select(func.count()).where(
        salesforce_record.c.sobject == sobject, salesforce_record.c.pushed_at.is_not(None)
    )
    return connection.scalars(pushed).one()


def _value(connection: Connection, link: FieldLink) -> ColumnElement[str]:
    if link.kind is CustomerFieldKind.STANDARD:
        return cast(customer.c[link.name], Text)
    return json_member(connection, customer.c.options, link.name)


def _plain(texts: pd.Series, link: FieldLink) -> pd.Series:
    # SQLite keeps a boolean as a number.
    return texts.replace(_YES_NO) if link.field_type is FieldType.YES_NO else texts


def _from_json(literals: pd.Series) -> pd.Series:
    """Return the values of JSON literals as text: a text without its quotes, anything else as it is."""
    texts = literals.mask(literals == "null")
    quoted = texts.str.startswith('"', na=False)
    escaped = quoted & texts.str.contains("\\", regex=False, na=False)
    plain = texts.str.slice(1, -1).where(quoted & ~escaped, texts)
    if not escaped.any():
        return plain
    return plain.mask(escaped, as_texts(texts[escaped].map(json.loads)).reindex(texts.index)).astype("str")
