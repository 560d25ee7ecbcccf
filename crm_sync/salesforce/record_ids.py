"""Record Ids of 18 characters, also from those of 15."""

import re

import numpy as np
import pandas as pd

_SHORT = r"[A-Za-z0-9]{15}"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_CHECK = np.array(list(_LETTERS))
_POWERS = 1 << np.arange(5)


def full_id(text: str) -> str:
    """Return the Id that somebody typed, of 15 characters or of 18 in any case; empty when it has not the form of one.

    Rule: as of `full_ids`; of 15 characters, capitals count, of 18 the last three say which they are.
    """
    if re.fullmatch(_SHORT, text):
        return text + _check(text)
    if not re.fullmatch(f"{_SHORT}[A-Za-z0-5]{{3}}", text):
        return text if re.fullmatch(f"{_SHORT}[A-Za-z0-9]{{3}}", text) else ""
    capitals = [bool(_LETTERS.index(letter) >> place & 1) for letter in text[15:].upper() for place in range(5)]
    first = "".join(one.upper() if is_one else one.lower() for one, is_one in zip(text[:15], capitals, strict=True))
    return first + _check(first) if _check(first) == text[15:].upper() else text


def _check(first: str) -> str:
    parts = (first[start : start + 5] for start in (0, 5, 10))
    return "".join(_LETTERS[sum(1 << place for place, one in enumerate(part) if one.isupper())] for part in parts)


def full_ids(ids: pd.Series) -> pd.Series:
    """Return Ids (text, may be missing) with those of 15 characters, as reports show them, completed to 18.

    Rule: SOAP API guide, "ID Field Type": the three last characters encode which letters are capitals.
    """
    is_short = ids.str.fullmatch(_SHORT, na=False)
    if not is_short.any():
        return ids
    short = ids[is_short]
    letters = short.to_numpy(dtype="U15").view("U1").reshape(-1, 3, 5)
    check = _CHECK[np.char.isupper(letters) @ _POWERS]
    ends = np.char.add(np.char.add(check[:, 0], check[:, 1]), check[:, 2])
    return ids.mask(is_short, short + pd.Series(ends, index=short.index, dtype="str"))
