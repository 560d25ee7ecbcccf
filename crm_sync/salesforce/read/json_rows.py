"""Turns the records of a REST answer into the same frame of text that Bulk CSV gives."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crm_sync.columns.texts import as_frame

_BOOLEANS = {"IsDeleted", "IsConverted"}
_WORDS = {True: "true", False: "false"}


def records_frame(records: list[dict[str, Any]], columns: Sequence[str], types: Mapping[str, str]) -> pd.DataFrame:
    """Return the records with one column of text per field, named as in `columns`, whatever Salesforce's case.

    `records`: parsed with numbers left as text, parents nested (`Account` holds `Name`). `types`: the described
    type of each field. Datetimes end in `Z` as in CSV; null, and a field of a parent that is not there, is missing.
    """
    flat = as_frame(records, pd.json_normalize)
    flat = flat.rename(columns=str.lower)
    frame = pd.DataFrame(index=pd.RangeIndex(len(records)))
    for column in columns:
        values = flat.get(column.lower(), pd.Series(pd.NA, index=frame.index, dtype="str"))
        if column in _BOOLEANS or types.get(column) == "boolean":
            values = values.map(_WORDS)
        frame[column] = values.astype("str")
        if column == "SystemModstamp" or types.get(column) == "datetime":
            frame[column] = frame[column].str.replace(r"\+00:?00$", "Z", regex=True)
    return frame
