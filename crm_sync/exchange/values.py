"""The values of our customers as Deployteq takes them, and back.

A frame has a row for each customer and a column for each field, named as Deployteq names it; that of an option field
begins with `option:`. Empty is empty text. Missing means left out: the value does not fit, and nothing is ever cut.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from crm_sync.consent_words import Channel
from crm_sync.mapping.customer_fields import CONSENT_FIELDS, CUSTOMER_FIELDS
from crm_sync.mapping.model import CustomerFieldKind, MappingRules

OPTION = "option:"
# Of a customer's number and the second it was made in.
IDENTITY = r"^crm-(\d{1,18})-[0-9a-f]+$"
# The field of each channel's consent, which is no field to be compared.
CONSENT = {Channel.EMAIL: "optIn", Channel.SMS: "smsOptIn"}
STATUS = "status"
BLACKLIST = "BLACKLIST"
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_LENGTHS = {
    100: "externalId userName title lastname",
    20: "initials zipCode",
    40: "firstname middlename",
    16: "prefix suffix workPhone workMobile homePhone mobilePhone faxNumber",
    70: "birthplace address address2 address3 city country alternateAddress alternateAddress2 alternateAddress3 "
    "alternateCity alternateCountry",
    10: "addressNumber addressNumberSuffix alternateAddressNumber alternateAddressNumberSuffix workExtension",
    11: "poBox",
    60: "state alternateState jobTitle",
    7: "alternateZipCode",
    120: "companyName",
    30: "department",
    255: "contactMan website",
    80: "emailAddress alternateEmailAddress",
}
LENGTHS = {name: length for length, names in _LENGTHS.items() for name in names.split()}
_CHOICES = {
    STATUS: "SUSPECT PROSPECT CUSTOMER",
    "gender": "MAN WOMAN FAMILY UNKNOWN",
    "maritalStatus": "UNKNOWN SINGLE MARRIED DIVORCED WIDOWED ENGAGED COHABITATING DECEASED",
    "emailType": "HTML TEXT MULTIPART",
}
CHOICES = {name: frozenset(words.split()) for name, words in _CHOICES.items()}


def _there(field: str) -> str:
    first, *others = field.split("_")
    return first + "".join(part.capitalize() for part in others)


# Our name by Deployteq's. Consent is no field; Deployteq has no language.
FIELDS = {_there(name): name for name in CUSTOMER_FIELDS if name not in {*CONSENT_FIELDS, "language"}}


def linked_fields(rules: MappingRules) -> set[str]:
    """Return the fields that Salesforce fills, by their names in a frame; the status follows from the record's kind."""
    links = [link for sobject in rules.mapped for link in rules.of(sobject).links]
    names = {OPTION + link.name for link in links if link.kind is CustomerFieldKind.OPTION}
    return names | {_there(link.name) for link in links if link.field_type and _there(link.name) in FIELDS} | {STATUS}


def our_values(customers: pd.DataFrame, linked: set[str], salesforce_id_field: str = "") -> tuple[pd.DataFrame, int]:
    """Return the values of customers (the columns of the table) as Deployteq takes them, and how many were cleaned of
    characters that XML cannot hold."""
    empty = pd.Series("", index=customers.index, dtype="str")
    columns = {there: _text(customers[here], empty) for there, here in FIELDS.items()}
    columns[STATUS] = _text(customers[STATUS], empty)
    if salesforce_id_field:
        columns[OPTION + salesforce_id_field] = _text(customers["salesforce_id"], empty)
    options = [*customers["options"]]
    for name in sorted(linked):
        if name.startswith(OPTION) and name not in columns:
            own = [_plain((one or {}).get(name.removeprefix(OPTION))) for one in options]
            columns[name] = pd.Series(own, index=customers.index, dtype="str") if any(own) else empty
    cleaned = pd.Series(False, index=customers.index)
    for name, values in columns.items():
        if values is empty:
            continue
        if _FORBIDDEN.search("".join(values.tolist())):
            safe = values.map(lambda text: _FORBIDDEN.sub("", text)).astype("str")
            cleaned |= safe.ne(values)
            values = safe  # noqa: PLW2901  # the column without them
        columns[name] = _fitting(name, values)
    return pd.DataFrame(columns), int(cleaned.sum())


def identities(customers: pd.DataFrame) -> pd.Series:
    """Return the identity in Deployteq of customers, from their `id` and `created_at`.

    A number alone is given again where a database is restored or begun anew, and would lead to somebody else.
    """
    seconds = pd.to_datetime(customers["created_at"], utc=True).dt.as_unit("s").astype("int64")
    own = "crm-" + customers["id"].astype("str") + "-" + seconds.map(lambda second: f"{second:x}").astype("str")
    return own.astype("object")


def _text(values: pd.Series, empty: pd.Series) -> pd.Series:
    """Return values as text, or `empty` where there are none: most fields of most customers are."""
    is_there = values.notna()
    return values.astype("object").where(is_there, "").astype("str") if is_there.any() else empty


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if pd.isna(value) else str(value)


def _fitting(name: str, values: pd.Series) -> pd.Series:
    if name in CHOICES:
        upper = values.str.upper()
        return upper.where(upper.isin([*CHOICES[name], ""]))
    return values.where(values.str.len().le(LENGTHS[name])) if name in LENGTHS else values


def as_frame(objects: Sequence[Mapping[str, str]], index: pd.Index, columns: Sequence[str]) -> pd.DataFrame:
    """Return JSON objects as a frame with these columns; what an object lacks is missing."""
    filled = {name: [one.get(name) for one in objects] for name in columns}
    return pd.DataFrame(filled, index=index, dtype="object")


def as_objects(frame: pd.DataFrame, *, always: Collection[str] | None = None) -> list[dict[str, str]]:
    """Return each row as an object without what is missing.

    `always`: the fields that are kept when they are empty as well; without it, all are.
    """
    kept, others = dict[str, list[str]](), dict[str, list[Any]]()
    for name, values in frame.items():
        is_kept, listed = always is None or name in always, values.tolist()
        if is_kept and not values.isna().any():
            kept[str(name)] = listed
        elif any(listed):
            others[str(name)] = listed if is_kept else [one or None for one in listed]
    # Most columns are whole, and are put together without a look at each value.
    rows = [dict(zip(kept, row, strict=True)) for row in zip(*kept.values(), strict=True)]
    rows = rows or [{} for _ in range(len(frame))]
    for name, listed in others.items():
        for row, value in zip(rows, listed, strict=True):
            if isinstance(value, str):
                row[name] = value
    return rows


def cells_by_field(cells: pd.DataFrame) -> dict[str, int]:
    """Return how many customers a frame of bools is true of, by field, without those that it is true of nowhere."""
    return {str(name): int(number) for name, number in cells.sum().items() if number}


def as_call(values: Mapping[str, str], *, clears_with: str | None = "") -> dict[str, Any]:
    """Return values as a call takes them: option fields in `options`, an empty one as what clears a field there."""
    fields: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for name, value in values.items():
        if name.startswith(OPTION):
            options[name.removeprefix(OPTION)] = value or clears_with
        else:
            fields[name] = value or clears_with
    return {**fields, "options": options} if options else fields
