"""Rows that the database gave, as a frame."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
from sqlalchemy import Row


def frame_of(rows: Iterable[Row[Any]], columns: Iterable[str], dtype: str | None = None) -> pd.DataFrame:
    """Return the rows with these columns, of the types that pandas finds unless `dtype` says one."""
    # A Row is no tuple: pandas would ask each for attributes that it lacks, which takes longer than reading it.
    return pd.DataFrame([*map(tuple, rows)], columns=[*columns], dtype=dtype)
