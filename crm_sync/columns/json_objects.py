"""JSON objects from columns, one object a row, without a Python loop over rows.

pandas' own `to_json` is the library answer and was measured at four times the cost (crm_sync/DECISIONS.md): for a
million records it alone would take longer than the database takes to store them.
"""

import json
from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from crm_sync.columns.membership import arrow_texts

_ESCAPES = {"\\": "\\\\", '"': '\\"'} | {chr(code): json.dumps(chr(code))[1:-1] for code in range(0x20)}


def text_literals(values: pd.Series) -> pa.Array:
    """Return each text as a JSON string, a missing one as null."""
    texts = arrow_texts(values)
    present = _bytes_in(texts)
    for character, escape in _ESCAPES.items():
        if present[ord(character)]:
            texts = pc.replace_substring(texts, pattern=character, replacement=escape)
    return pc.fill_null(_concatenate('"', texts, '"'), "null")


def raw_literals(values: pd.Series) -> pa.Array:
    """Return texts that are JSON already (numbers, true, false) as they are, a missing one as null."""
    return pc.fill_null(arrow_texts(values), "null")


def json_objects(members: Mapping[str, pa.Array], *, index: pd.Index) -> pd.Series:
    """Return one JSON object a row, as text, with the given members in their order."""
    if not members:
        return pd.Series("{}", index=index, dtype="str")
    parts: list[pa.Array | str] = []
    for position, (name, literals) in enumerate(members.items()):
        parts += [("{" if position == 0 else ",") + json.dumps(name, ensure_ascii=False) + ":", literals]
    return pd.Series(_concatenate(*parts, "}"), index=index, dtype="str")


def sparse_json_objects(members: Mapping[str, pa.Array], *, index: pd.Index) -> pd.Series:
    """Return one JSON object a row, as text, with only those members whose literal is not missing."""
    if not members:
        return json_objects({}, index=index)
    named = [_concatenate(json.dumps(name, ensure_ascii=False) + ":", literals) for name, literals in members.items()]
    inside = pc.binary_join_element_wise(*named, pa.scalar(",", pa.large_string()), null_handling="skip")
    return pd.Series(_concatenate("{", inside, "}"), index=index, dtype="str")


def text_fields(objects: pd.Series, fields: Sequence[str]) -> pd.DataFrame:
    """Return these members of JSON objects (text) as text columns with a new index, missing where not there."""
    lines = BytesIO("\n".join(objects).encode())
    # Without a schema a text that looks like a date or a number would be read as one.
    as_text = arrow_json.ParseOptions(
        explicit_schema=pa.schema([(field, pa.large_string()) for field in fields]),
        unexpected_field_behavior="ignore",
    )
    whole = arrow_json.ReadOptions(block_size=max(1 << 20, lines.getbuffer().nbytes))
    values = arrow_json.read_json(lines, whole, as_text)
    return pd.DataFrame({name: pd.Series(values.column(name), dtype="str") for name in fields})


def _bytes_in(texts: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Say of each byte whether the texts may hold it: a look at their memory, many times faster than a search."""
    _, offsets, content = texts.buffers()
    if not len(texts) or content is None:
        return np.zeros(256, dtype=np.bool_)
    # Of a slice only its own part: its memory is the whole column's.
    first, last = np.frombuffer(offsets, dtype=np.int64)[[texts.offset, texts.offset + len(texts)]]
    counts = np.bincount(np.frombuffer(content, dtype=np.uint8)[first:last], minlength=256)
    return counts > 0


def _concatenate(*parts: pa.Array | str) -> pa.Array:
    separator = pa.scalar("", pa.large_string())
    pieces = [pa.scalar(part, pa.large_string()) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*pieces, separator)
