"""Numbers as texts: the digits that Salesforce shows on its pages.

Its APIs give a Number(18, 0) as `12.0`, and a long one as `1.6147805824397E13`.
"""

from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

import pandas as pd

_DIGITS = r"-?[0-9]+"
# Nobody's number is longer; a monstrous one stays as it is.
_LONGEST = 40


def as_shown(values: pd.Series, decimals: int | None) -> pd.Series:
    """Return numbers as Salesforce shows them, with so many decimals, or with those that they have when None.

    Texts that are no numbers stay as they are.
    """
    shown = values if decimals else values.str.replace(r"^(-?[0-9]+)\.0+$", r"\1", regex=True)
    is_done = shown.isna() | shown.str.fullmatch(_DIGITS, na=False) & (not decimals) & (shown != "-0")
    if is_done.all():
        return shown
    # Each different number once: most columns have few.
    spelt = {text: _shown(text, decimals) for text in shown[~is_done].unique()}
    return shown.where(is_done, shown.map(spelt).astype("str"))


def _shown(text: str, decimals: int | None) -> str:
    with suppress(InvalidOperation):
        number = Decimal(text)
        if number.is_finite() and abs(number.adjusted()) <= _LONGEST:
            if decimals is None:
                number = number.normalize()
            else:
                number = number.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
            return f"{number if number else abs(number):f}"
    return text
