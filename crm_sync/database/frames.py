"""Rows that the database gave, as a frame, and Ids that it is asked for."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
from sqlalchemy import Row

# Far below the number of values that a statement may hold.
_IDS_AT_ONCE = 1_000


def frame_of(rows: Iterable[Row[Any]], columns: Iterable[str], dtype: str | None = None) -> pd.DataFrame:
    """Return the rows with these columns, of the types that pandas finds unless `dtype` says one."""
    # A Row is no tuple: pandas would ask each for attributes that it lacks, which takes longer than reading it.
    return pd.DataFrame([*map(tuple, rows)], columns=[*columns], dtype=dtype)


def in_parts(ids: pd.Series) -> Iterator[list[str]]:
    """Give Ids in lists that a statement can hold."""
    for start in range(0, len(ids), _IDS_AT_ONCE):
        yield ids.iloc[start : start + _IDS_AT_ONCE].tolist()
