"""Rows of a query as a frame, and Ids in lists for a statement."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
from sqlalchemy import Result, Row


def frame_of(rows: Iterable[Row[Any]], columns: Iterable[str], dtype: str | None = None) -> pd.DataFrame:
    """Return the rows with these columns, of the types that pandas finds unless `dtype` is given."""
    # All at once: one by one, SQLAlchemy asks the driver for each.
    found = rows.all() if isinstance(rows, Result) else rows
    # A Row is no tuple: pandas would ask each for attributes that it lacks, which takes longer than reading it.
    return pd.DataFrame([*map(tuple, found)], columns=[*columns], dtype=dtype)


def in_parts(ids: pd.Series, *, size: int = 1_000) -> Iterator[list[str]]:
    """Yield Ids in lists; the default is far below the number of values that a statement may hold."""
    for start in range(0, len(ids), size):
        yield ids.iloc[start : start + size].tolist()
