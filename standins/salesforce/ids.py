"""Salesforce Ids: 15 case-sensitive characters and a checksum of 3."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ALPHABET = frozenset(_DIGITS)
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_CAPITALS = str.maketrans({c: "1" if c.isupper() else "0" for c in _DIGITS})
_POD = "Qy0"
SHORT, LONG = 15, 18


def checksum(id15: str) -> str:
    """Return the 3 characters that distinguish Ids differing only in case, one for each 5 characters."""
    bits = int(id15.translate(_CAPITALS)[::-1], 2)
    return _CHECK[bits & 31] + _CHECK[bits >> 5 & 31] + _CHECK[bits >> 10]


def make_id(prefix: str, number: int) -> str:
    """Return the 18-character Id of the record `number` of the sObject type that `prefix` stands for."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    id15 = prefix + _POD + digits.rjust(9, "0")
    return id15 + checksum(id15)


def full_id(text: str) -> str | None:
    """Return the 18-character form of an Id, or None for any other text."""
    if len(text) not in (SHORT, LONG) or not _ALPHABET.issuperset(text):
        return None
    proper = text[:SHORT] + checksum(text[:SHORT])
    return proper if len(text) == SHORT or text == proper else None
