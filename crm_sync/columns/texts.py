"""Texts as other systems take them: valid Unicode, with lengths as Salesforce counts them."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

# Characters that take two UTF-16 units, most emoji among them; all others take one.
_WIDE = "[\U00010000-\U0010ffff]"
_UNIT = 2


def as_texts(values: pd.Series) -> pd.Series:
    """Return values as text; half of a surrogate pair, which is no character, becomes U+FFFD, and a whole one its
    character."""
    try:
        return values.astype("str")
    except UnicodeEncodeError:
        return values.astype("object").map(_valid, na_action="ignore").astype("str")


def as_text(text: str) -> str:
    """Return a single text as `as_texts` has it."""
    return text if text.isascii() else _decode(_encode(text), "replace")


def as_frame(rows: Sequence[Any], make: Callable[[Any], pd.DataFrame] = pd.DataFrame) -> pd.DataFrame:
    """Return rows (mappings, which may hold others) as the frame that `make` makes of them, their texts as `as_texts`
    has them."""
    try:
        return make(rows)
    except UnicodeEncodeError:
        return make([_valid(row) for row in rows])


def utf16_lengths(texts: pd.Series) -> pd.Series:
    """Return the lengths of texts in UTF-16 units, as Salesforce counts them; missing ones have none."""
    return texts.str.len() + texts.str.count(_WIDE)


def cut(texts: pd.Series, longest: int) -> pd.Series:
    """Return texts of at most so many UTF-16 units; no character is cut in two."""
    if not (too_long := utf16_lengths(texts).gt(longest)).any():
        return texts
    return texts.mask(too_long, texts[too_long].map(lambda text: _start_of(text, longest)).astype("str"))


def _valid(value: Any) -> Any:
    if isinstance(value, str):
        return as_text(value)
    return {name: _valid(part) for name, part in value.items()} if isinstance(value, dict) else value


def _start_of(text: str, longest: int) -> str:
    # Half a pair at the end is left out.
    return _decode(_encode(text)[: longest * _UNIT], "ignore")


def _encode(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _decode(units: bytes, errors: str) -> str:
    return units.decode("utf-16-le", errors)
