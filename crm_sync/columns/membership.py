"""Membership tests on columns of Ids and keys."""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def among(values: pd.Series, others: pd.Series) -> pd.Series:
    """Say of each text in `values` whether it is one of `others`."""
    # pandas' own isin turns `others` into Python objects one by one, which for a batch takes longer than its writes.
    found = pc.is_in(arrow_texts(values), value_set=arrow_texts(others))
    return pd.Series(found.to_numpy(zero_copy_only=False), index=values.index)


def arrow_texts(values: pd.Series) -> pa.Array:
    """Return texts as one Arrow array."""
    array = pa.array(values, type=pa.large_string(), from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
