"""What landing would change, found by landing for real in a transaction that is undone."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, select

from crm_sync.customers.landing import land_batch
from crm_sync.customers.landing_context import LandingContext
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.frames import frame_of, in_parts
from crm_sync.database.tables.customers import customer
from crm_sync.runs.counts import Counts
from crm_sync.sobject import SObject

# The values last: on a narrow screen the end of a row is cut off.
CHANGE_COLUMNS = ["customer", "salesforce_id", "change", "field", "old", "new"]
# Columns that hold nothing personal, and the Ids of records.
_RECORD_ID = r"(?:003|00Q|001|005)[A-Za-z0-9]{15}"
_PLAIN = [
    *("status", "mail_status", "opt_in", "sms_opt_in", "salesforce_object", "salesforce_id", "secondary_salesforce_id"),
    *("merged_into_customer_id", "deleted_in_salesforce_at", "company_name", "department"),
]
# They follow from other fields, and no marketer reads them.
_LEFT_OUT = [
    *("id", "unique_key", "created_at", "modified_at", "options"),
    *("address_hash", "opt_in_set", "sms_opt_in_set", "blacklist_seen", "mail_status_before"),
]
_IDS_AT_ONCE = 10_000


def preview_batches(
    database: CustomerDatabase,
    batches: Iterable[tuple[SObject, pd.DataFrame]],
    landing: LandingContext,
    *,
    show_values: bool,
) -> tuple[dict[SObject, Counts], pd.DataFrame]:
    """Return the counts and the changes that landing the batches would bring, and keep nothing.

    Changes, one row per customer and field, all text: CHANGE_COLUMNS; `customer` is missing for a new one, `change`
    is new, changed, merged or deleted. Personal values are cut to their first character unless `show_values`.
    """
    counts: dict[SObject, Counts] = {}
    with database.transaction() as connection:
        for sobject, batch in batches:
            counts[sobject] = counts.get(sobject, Counts()) + land_batch(connection, batch, sobject, landing)
        after = _customers(connection, customer.c.modified_at == landing.now)
        connection.rollback()
    with database.transaction() as connection:
        parts = [*in_parts(after["id"], size=_IDS_AT_ONCE)] or [[]]
        before = pd.concat([_customers(connection, customer.c.id.in_(some)) for some in parts])
    changes = _differences(before, after, landing.now)
    return counts, changes if show_values else _masked(changes)


def _customers(connection: Connection, which: ColumnElement[bool]) -> pd.DataFrame:
    """Return customers by id, one column per field and per option."""
    rows = connection.execute(select(customer).where(which))
    # As objects: pandas would turn the Ids of a column that lacks some into decimals.
    found = frame_of(rows, [column.name for column in customer.c], dtype="object")
    options = pd.DataFrame(list(found["options"]), index=found.index, dtype="object")
    return found.join(options.add_prefix("option ")).set_index("id", drop=False).rename_axis(None)


def _differences(before: pd.DataFrame, after: pd.DataFrame, now: datetime) -> pd.DataFrame:
    both = _long(before, "old").join(_long(after, "new"), how="outer").reset_index()
    both = both[both["old"].fillna("") != both["new"].fillna("")]
    known = after.reindex(both["customer"])
    is_new = ~both["customer"].isin(before.index)
    change = pd.Series("changed", index=both.index).mask(is_new.to_numpy(), "new")
    change = change.mask(known["deleted_in_salesforce_at"].eq(now).to_numpy(), "deleted in Salesforce")
    merged = known["merged_into_customer_id"].notna() & (known["mail_status"] == "INACTIVE")
    both["change"] = change.mask(merged.to_numpy(), "merged into another")
    both["salesforce_id"] = known["salesforce_id"].to_numpy()
    both["customer"] = both["customer"].astype("str").mask(is_new)
    return both.astype("str")[CHANGE_COLUMNS].reset_index(drop=True)


def _long(wide: pd.DataFrame, name: str) -> pd.DataFrame:
    values = wide.drop(columns=_LEFT_OUT, errors="ignore").map(_as_text)
    long = values.rename_axis("customer").melt(ignore_index=False, var_name="field", value_name=name)
    return long.dropna().set_index("field", append=True)


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime) and value == value:  # noqa: PLR0124  # NaT is a datetime, and not itself
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return None if value is None or value != value or value == "" else str(value)  # noqa: PLR0124  # NaN, also NaT


def _masked(changes: pd.DataFrame) -> pd.DataFrame:
    is_plain = changes["field"].isin(_PLAIN)
    cut = {}
    for side in ("old", "new"):
        is_shown = is_plain | changes[side].str.fullmatch(_RECORD_ID, na=False)
        cut[side] = changes[side].where(is_shown, changes[side].str.slice(0, 1) + "…")
    return changes.assign(**cut)
