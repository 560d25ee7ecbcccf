"""Builds SOQL from a mapping; every name and condition is checked before it enters a query."""

import re
from collections.abc import Iterable
from datetime import datetime

from simple_salesforce.format import format_soql

from crm_sync.errors import MappingError
from crm_sync.salesforce.limits import API_NAME, FIELD_PATH, LONGEST_QUERY, LONGEST_STRING

_SYSTEM_FIELDS = ("Id", "SystemModstamp", "IsDeleted")
_OWN_FIELDS = {
    "Lead": ("MasterRecordId", "IsConverted", "ConvertedContactId"),
    "Contact": ("MasterRecordId",),
    "Account": ("MasterRecordId",),
}

_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_CLAUSE = re.compile(r"\b(ORDER|GROUP|HAVING|LIMIT|OFFSET|FOR|WITH|USING|TYPEOF|ALL\s+ROWS|UPDATE)\b", re.IGNORECASE)
_SUBQUERY_WORD = re.compile(r"\b(SELECT|FROM|WHERE)\b", re.IGNORECASE)
_STRANGE = re.compile(r"[;\"{}\[\]`\\#]|--|/\*|[^\S\n\r\t ]|[\x00-\x08\x0b\x0c\x0e-\x1f]")


def build_select(
    sobject: str,
    fields: Iterable[str],
    *,
    where: str | None = None,
    since: datetime | None = None,
) -> str:
    """Return the query for all records, or those changed at or after `since`, that pass the filter.

    Raises MappingError for a name that is no API name and a filter that is more than a condition. Whole
    seconds of `since` count, rounded down; ">=" because many records can share one SystemModstamp.
    """
    conditions = []
    if since is not None:
        if since.tzinfo is None:
            raise ValueError("`since` needs a time zone")
        conditions.append(format_soql("SystemModstamp >= {}", since))
    if where is not None and where.strip():
        conditions.append(f"({checked_filter(where)})")
    # Every part of it was checked against a pattern or quoted.
    query = f"SELECT {', '.join(select_columns(sobject, fields))} FROM {checked_sobject(sobject)}"  # noqa: S608
    if conditions:
        query += " WHERE " + " AND ".join(conditions)
    if len(query) > LONGEST_QUERY:
        raise MappingError(f"The query for {sobject} is longer than Salesforce takes; map fewer fields.")
    return query


def select_columns(sobject: str, fields: Iterable[str]) -> list[str]:
    """Return the fields to select: those that every sync needs, then the mapped ones, each once."""
    asked = (*_SYSTEM_FIELDS, *_OWN_FIELDS.get(sobject, ()), *(checked_field(name) for name in fields))
    columns: dict[str, str] = {}
    for name in asked:
        columns.setdefault(name.lower(), name)
    return list(columns.values())


def checked_sobject(sobject: str) -> str:
    """Return the name of an sObject; raises MappingError when it cannot be one."""
    if not re.fullmatch(API_NAME, sobject, re.ASCII):
        raise MappingError(f"{sobject[:80]!r} is not the API name of a Salesforce object.")
    return sobject


def checked_field(field: str) -> str:
    """Return the name of a field, dotted for a parent's; raises MappingError when it cannot be one."""
    if not re.fullmatch(FIELD_PATH, field, re.ASCII):
        raise MappingError(
            f"{field[:80]!r} is not a Salesforce API name; copy it from Setup > Object Manager > Fields."
        )
    return field


def checked_filter(where: str) -> str:
    """Return a user's condition; raises MappingError for all that could end the condition or the query.

    Rule: SOQL syntax of conditionExpression. A semi-join, `Id IN (SELECT …)`, is one and passes.
    """
    text = where.strip()
    if any(len(string) > LONGEST_STRING for string in _STRING.findall(text)):
        raise _refused("has a text of more than 4,000 characters, which Salesforce does not take")
    bare = _STRING.sub(" ", text)
    if "'" in bare:
        raise _refused("has a single quote without its partner")
    if _STRANGE.search(bare):
        raise _refused("has a character that no condition needs, such as ; or a double quote")
    top_level = _without_parentheses(bare)
    if top_level is None:
        raise _refused("has a parenthesis without its partner")
    if clause := _CLAUSE.search(bare):
        raise _refused(f"says {clause[1].upper()}, which is not part of a condition")
    if word := _SUBQUERY_WORD.search(top_level):
        raise _refused(f"says {word[1].upper()}; write the condition only, such as Status = 'Open'")
    return text


def _without_parentheses(bare: str) -> str | None:
    """Return what stands outside of all parentheses, or None when they do not match."""
    depth, outside = 0, []
    for character in bare:
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth < 0:
                return None
        elif depth == 0:
            outside.append(character)
    return "".join(outside) if depth == 0 else None


def _refused(reason: str) -> MappingError:
    return MappingError(f"The filter of the data mapping {reason}; correct it.")
