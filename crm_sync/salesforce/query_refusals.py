"""What of Salesforce's complaint about a query may be shown: names and positions, never a filter's value."""

import re

_LONGEST = 200
_EXCERPT = re.compile(r"^.*?(?=ERROR at Row:)", re.DOTALL)
# Names of fields and objects are quoted right after one of these words; any other quoted text is a value.
_NAMED = re.compile(
    r"\b(column|entity|field|sobject|sobject type|object|relationship)\s+"
    r"'([A-Za-z]\w{0,79}(?:\.\w{1,80}){0,5})'",
    re.IGNORECASE | re.ASCII,
)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_ADDRESS = re.compile(r"\S+@\S+")


def query_detail(message: str) -> str:
    """Return ': ' and the part of the complaint that helps, at most 200 characters, or nothing.

    Salesforce repeats a piece of the query before "ERROR at Row:"; that piece may start inside a value, so
    all of it is left out. Without such a mark only the last line is kept, for the same reason.
    """
    shown = _EXCERPT.sub("", message) if "ERROR at Row:" in message else message.strip().rpartition("\n")[2]
    shown = _NAMED.sub(r"\1 \2", shown)
    shown = _QUOTED.sub("…", shown)
    shown = re.split(r"['\"]", shown)[0]
    shown = _ADDRESS.sub("…", " ".join(shown.split()))
    return f": {shown[:_LONGEST].rstrip('. ')}" if shown else ""
