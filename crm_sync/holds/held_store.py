"""Records that are set aside: found while a batch lands, kept with all that was read, and given back to be landed."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    Text,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    update,
)

from crm_sync.columns.json_objects import text_fields
from crm_sync.consent_words import SAYS_NO
from crm_sync.database.dialects import insert_for
from crm_sync.database.frames import frame_of, records_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import Instant, customer, salesforce_record
from crm_sync.database.tables.safety import held_record
from crm_sync.holds.rule import ALL_DELETED, BLANKED, DELETED, KEY
from crm_sync.mapping.model import ObjectMapping
from crm_sync.mapping.transform import RECORD_COLUMNS
from crm_sync.sobject import SObject


def set_aside(
    connection: Connection, staged: Table, mapping: ObjectMapping, now: datetime, *, none_is_left: bool
) -> pd.Series:
    """Keep the staged records whose landing would harm their customers, and return their Ids; the caller leaves them
    out.

    `staged`: RECORD_COLUMNS. `none_is_left`: the records are gone since Salesforce shows none of the object any more.
    What they say of consent was entered before, and is noted in the mirror; a no does not wait.
    """
    found = _find_effects(connection, staged, mapping, none_is_left=none_is_left)
    if found.empty:
        return found["id"]
    effects = stage(connection, "staged_effect", found, {"customer_id": customer.c.id.type})
    row = {name: staged.c[name] for name in RECORD_COLUMNS} | {
        "customer_id": effects.c.customer_id,
        "effects": effects.c.effects,
        "held_at": literal(now, Instant()),
    }
    source = select(*(value.label(name) for name, value in row.items()))
    source = source.join_from(staged, effects, effects.c.id == staged.c.id).where(true())
    insert = insert_for(connection, held_record).from_select([*row], source)
    new: dict[str, ColumnElement[Any]] = {name: insert.excluded[name] for name in row if name != "id"}
    # What a person has seen and may approve is known by its first moment.
    new["held_at"] = case((held_record.c.effects == new["effects"], held_record.c.held_at), else_=new["held_at"])
    connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=new))
    _note_consent(connection, staged, effects, now)
    return found["id"]


def held_among(connection: Connection, staged: Table) -> pd.Series:
    """Return the Ids of held records of which the staged ones are the same version or a newer one."""
    if not holds_any(connection):
        return pd.Series(dtype="str")
    same = and_(held_record.c.id == staged.c.id, held_record.c.system_modstamp <= staged.c.system_modstamp)
    return pd.Series(connection.scalars(select(staged.c.id).join(held_record, same)).all(), dtype="str")


def holds_any(connection: Connection) -> bool:
    """Return whether any record is held."""
    return bool(connection.scalar(select(exists(select(held_record.c.id)))))


def drop_held(connection: Connection, ids: pd.Series) -> None:
    """Forget held records: they were landed, or have come again without harm."""
    if ids.empty:
        return
    gone = stage(connection, "staged_unheld", ids.to_frame("id"))
    connection.execute(delete(held_record).where(held_record.c.id.in_(select(gone.c.id))))


def read_waiting(connection: Connection, approved_before: datetime | None, mapped: Collection[SObject]) -> pd.DataFrame:
    """Return every held record: `id`, `sobject`, `customer_id`, `effects`, `is_approved`.

    Those of an object that is no longer mapped are dropped: nothing of it lands.
    """
    connection.execute(delete(held_record).where(held_record.c.sobject.not_in([str(one) for one in mapped])))
    names = ["id", "sobject", "customer_id", "effects", "held_at"]
    rows = connection.execute(select(*(held_record.c[name] for name in names)).order_by(held_record.c.id))
    found = frame_of(rows, names)
    if approved_before is None:
        return found.assign(is_approved=False)
    return found.assign(is_approved=pd.to_datetime(found["held_at"], utc=True) < pd.Timestamp(approved_before))


def read_held(connection: Connection, ids: pd.Series) -> pd.DataFrame:
    """Return held records as the mirror would have them: RECORD_COLUMNS, `field_values` and `address_hash` as text."""
    return records_of(connection, held_record, ids)


def count_known(connection: Connection) -> int:
    """Return how many customers there are, without those who are joined or deleted in Salesforce."""
    is_there = (customer.c.merged_into_customer_id.is_(None), customer.c.deleted_in_salesforce_at.is_(None))
    return connection.scalar(select(func.count()).select_from(customer).where(*is_there)) or 0


def _find_effects(connection: Connection, staged: Table, mapping: ObjectMapping, *, none_is_left: bool) -> pd.DataFrame:
    """Return `id`, `customer_id`, `effects` of the staged records that would harm the customers they stand for."""
    known = salesforce_record.c
    is_deletion = and_(staged.c.is_deleted, staged.c.master_record_id.is_(None))
    # A converted lead goes to its contact's key, as it should, and has to land before the contact does.
    has_other_key = and_(
        ~staged.c.is_deleted,
        ~staged.c.is_converted,
        or_(
            *(
                and_(known[n].is_not(None), known[n].is_distinct_from(staged.c[n]))
                for n in ("unique_key", "address_hash")
            )
        ),
    )
    differs = and_(~staged.c.is_deleted, known.field_values != staged.c.field_values)
    is_source = or_(customer.c.salesforce_id == known.id, customer.c.secondary_salesforce_id == known.id)
    values = [cast(table.c.field_values, Text) for table in (salesforce_record, staged)]
    columns: list[ColumnElement[Any]] = [staged.c.id, known.customer_id, is_deletion, has_other_key, *values]
    query = (
        select(*columns)
        .join_from(staged, salesforce_record, known.id == staged.c.id)
        .join(customer, customer.c.id == known.customer_id)
        .where(~known.is_deleted, is_source, or_(is_deletion, has_other_key, differs))
    )
    found = frame_of(connection.execute(query), ["id", "customer_id", "deleted", "key", "was", "now"])
    effects = {
        ALL_DELETED if none_is_left else DELETED: found["deleted"].astype("bool"),
        KEY: found["key"].astype("bool"),
        **_blanked(found, mapping),
    }
    lines = pd.Series("", index=found.index, dtype="str")
    for effect, where in effects.items():
        lines = lines.mask(where, lines + "\n" + effect)
    found = found.assign(id=found["id"].astype("str"), effects=lines.str.removeprefix("\n"))
    return found.loc[lines.ne(""), ["id", "customer_id", "effects"]]


def _blanked(found: pd.DataFrame, mapping: ObjectMapping) -> dict[str, pd.Series]:
    links = [link for link in mapping.links if not (link.is_consent or link.unique)]
    fields = list(dict.fromkeys(link.salesforce_field for link in links))
    # Of a deleted record the values say nothing, and it may come without them.
    rows = found[~found["deleted"].astype("bool")]
    if rows.empty:
        return {}
    was, now = (text_fields(rows[side], fields).set_axis(rows.index).fillna("") for side in ("was", "now"))
    lost = {field: (was[field].ne("") & now[field].eq("")).reindex(found.index, fill_value=False) for field in fields}
    # By the customer's field, which leads and contacts fill from fields of their own.
    return {
        f"{BLANKED}{link.label}": lost[link.salesforce_field] for link in links if lost[link.salesforce_field].any()
    }


def _note_consent(connection: Connection, staged: Table, effects: Table, now: datetime) -> None:
    says = {name: staged.c[name] for name in SAYS_NO.values()}
    connection.execute(
        update(salesforce_record)
        .values(**says, read_at=now, consent_stamp=staged.c.system_modstamp)
        .where(
            salesforce_record.c.id == staged.c.id,
            staged.c.id.in_(select(effects.c.id)),
            ~staged.c.is_deleted,
            or_(*(salesforce_record.c[name].is_distinct_from(value) for name, value in says.items())),
        )
    )
