"""Record Ids of 18 characters, also from those of 15."""

import numpy as np
import pandas as pd

_SHORT = r"[A-Za-z0-9]{15}"
_CHECK = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"))
_POWERS = 1 << np.arange(5)


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
