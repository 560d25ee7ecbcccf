"""Ranges of record Ids that should hold about a page each.

Rule: an Id is its object's prefix of three characters and twelve digits to the base of 62, which count up
(object reference, "ID Field Type"); records that came together, as from an import, have Ids close together.
"""

from collections.abc import Sequence
from string import ascii_lowercase, ascii_uppercase, digits

_DIGITS = digits + ascii_uppercase + ascii_lowercase
_PREFIX, _SHORT = 3, 15


def as_ranges(last: str, cuts: Sequence[str]) -> list[tuple[str, str | None]]:
    """Return (after, up to) pairs that follow each other from `last` on, cut at `cuts`; the final one is open."""
    bounds = [last, *cuts]
    return list(zip(bounds, [*cuts, None], strict=True))


def cuts_by_density(first: str, last: str, seen: int, *, ranges: int, rows_each: float) -> list[str]:
    """Return where to cut what lies behind a page of `seen` records, if it goes on as densely as the page itself.

    `first` and `last`: the ends of the page, in order of Id. `ranges`: at most so many are wanted.
    """
    step = max(1, round((_number(last) - _number(first)) / max(seen - 1, 1) * rows_each))
    highest = len(_DIGITS) ** (_SHORT - _PREFIX)
    ends = (_number(last) + step * place for place in range(1, ranges))
    return [last[:_PREFIX] + _text(end) for end in ends if end < highest]


def _number(record_id: str) -> int:
    number = 0
    for digit in record_id[_PREFIX:_SHORT]:
        number = number * len(_DIGITS) + _DIGITS.index(digit)
    return number


def _text(number: int) -> str:
    text = ""
    for _ in range(_SHORT - _PREFIX):
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text
