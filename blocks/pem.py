"""A private key as it arrives from a form: the password box of a browser has one line, a PEM file has many."""

import re
from textwrap import wrap

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_LINE_END = re.compile(r"\s|\\[nr]")  # as a line end, the blank a browser made of it, or JSON's two characters
_BASE64 = re.compile(r"[A-Za-z0-9+/]+=*")
_LINE = 64  # characters, RFC 7468 section 2


def with_line_ends(key: str) -> str:
    r"""Return the PEM with the line ends it lost, be they gone, blanks or the two characters \n.

    What is not a PEM, or has headers between its lines, is returned as it came.
    """
    found = _PEM.search(key)
    body = _LINE_END.sub("", found[2]) if found else ""
    if found is None or not _BASE64.fullmatch(body):
        return key
    return "\n".join([f"-----BEGIN {found[1]}-----", *wrap(body, _LINE), f"-----END {found[1]}-----", ""])
