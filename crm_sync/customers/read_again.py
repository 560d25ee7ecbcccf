"""Records whose formulas, or fields of a parent, have other values by now, though their stamps are the same."""

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import Connection

from crm_sync.customers.mirror import read_records, to_records

# Of a record that was only read for consent, or erased: nothing is known of its fields.
_NOTHING = "{}"


def changed_unstamped(
    connection: Connection, read: pd.DataFrame, fields: Sequence[str], linked: list[str]
) -> pd.DataFrame:
    """Return the mirror's records that differ from `read` in `fields`, as read from Salesforce and with its values.

    `read`: text columns `Id`, `SystemModstamp` and `fields`; `linked`: all mapped fields. A record with another stamp
    is left to the pull that brings it.
    """
    rows = read_records(connection, read["Id"].astype("str"))
    rows = rows[rows["field_values"].ne(_NOTHING) & ~rows["is_deleted"].astype(bool)]
    known = to_records(rows, linked)
    now = read.drop_duplicates("Id").set_index("Id").reindex(known["Id"]).set_axis(known.index)
    has_same_stamp = _moments(known) == _moments(now)
    differs = pd.Series(False, index=known.index)
    for name in fields:
        was, given = known[name], now[name]
        differs |= was.ne(given) & ~(was.isna() & given.isna())
    changed = known[has_same_stamp & differs]
    return changed.assign(**{name: now.loc[changed.index, name] for name in fields})


def _moments(records: pd.DataFrame) -> pd.Series:
    return pd.to_datetime(records["SystemModstamp"], utc=True, format="ISO8601")
