"""A frame of Salesforce records becomes a frame of mapped records: what the mirror keeps and what the customer gets."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from crm_sync.columns.address_hash import AROUND_ADDRESSES, AddressHash, normalise_address
from crm_sync.columns.json_objects import json_objects, raw_literals, text_literals
from crm_sync.mapping.customer_fields import FieldType
from crm_sync.mapping.model import CustomerFieldKind, FieldLink, ObjectMapping
from crm_sync.mapping.number_text import as_shown
from crm_sync.mapping.words import NUMBER_TYPES, SALESFORCE_NO, SALESFORCE_YES, decimals_of, plain_type
from crm_sync.sobject import SObject

# Not \d, which is also true of the digits of other scripts.
_JSON_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
# Salesforce gives every datetime in UTC: `Z` in Bulk CSV, `+0000` in REST answers.
_DATETIME = _DATE + r"T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-]00:?00)"

# One address and nothing else: no name, no second address, no mailto:, nothing that nobody sees; behind the @ are parts
# with single dots between them, in which no ASCII sign but a hyphen is.
_UNSEEN = r"\s\u200b-\u200d\u2060\ufeff\xad"
_PART = rf"[^{_UNSEEN}\x00-,./:-@\[-`{{-\x7f]+"
_ADDRESS = rf"[^{_UNSEEN}@<>()\[\],;:\"]+@{_PART}(?:\.{_PART})*"
_PLAIN_ADDRESS = r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
ADDRESSES = frozenset({"email_address", "alternate_email_address"})
EMAIL_ADDRESS = (CustomerFieldKind.STANDARD, "email_address")

# What the empty objects of a batch may take: with 300 fields, a line of 400 bytes becomes 8,000.
_JSON_BYTES = 64 << 20
# The quotes, the colon, the comma and null.
_AROUND_A_NAME = 8

RECORD_COLUMNS = (
    "sobject",
    "id",
    "unique_key",
    "system_modstamp",
    "is_deleted",
    "is_converted",
    "converted_contact_id",
    "master_record_id",
    "field_values",
    "address_hash",
    "says_no_email",
    "says_no_sms",
)


@dataclass(frozen=True)
class _Column:
    """A column in its customer form, and which of its values did not convert."""

    content: pd.Series
    bad: pd.Series | None = None
    what: str = ""


def map_records(
    records: pd.DataFrame,
    sobject: SObject,
    mapping: ObjectMapping,
    types: Mapping[str, str],
    hashes: AddressHash | None = None,
) -> pd.DataFrame:
    """Map records of one sObject to mirror rows and customer values.

    `records`: text columns as Salesforce gave them (missing = empty): Id, SystemModstamp, IsDeleted,
    MasterRecordId, for leads IsConverted and ConvertedContactId, and the mapped fields. `types`: the
    described type of every mapped field.

    Returned, one row per record and with its index: RECORD_COLUMNS; `reject_reason` (text, missing when the
    record can be used); a column per linked customer field (text, `YYYY-MM-DD` text, or boolean); `options`
    (JSON object text of the linked option fields).
    """
    mapped = _as_mirrored(records, sobject, mapping, types, hashes)
    reasons = _no_unique_value(mapped["unique_key"], mapping.unique_link)
    options: dict[str, pa.Array] = {}
    for link in mapping.links:
        converted = convert(records[link.salesforce_field], link, types[link.salesforce_field])
        if converted.bad is not None and converted.bad.any():
            reason = f"{link.salesforce_field} does not convert to {converted.what} for {link.name}"
            reasons = reasons.mask(converted.bad & reasons.isna(), reason)
        if link.kind is CustomerFieldKind.OPTION:
            options[link.name] = _literals(converted.content, types[link.salesforce_field])
        else:
            mapped[link.name] = converted.content
    mapped["options"] = json_objects(options, index=records.index)
    # A deleted record is no customer's source, so it need not be usable.
    mapped["reject_reason"] = reasons.mask(mapped["is_deleted"])
    return mapped


def _as_mirrored(
    records: pd.DataFrame,
    sobject: SObject,
    mapping: ObjectMapping,
    types: Mapping[str, str],
    hashes: AddressHash | None,
) -> pd.DataFrame:
    """Return what the mirror keeps of records: RECORD_COLUMNS."""
    mapped = pd.DataFrame(index=records.index)
    mapped["sobject"] = pd.Series(str(sobject), index=records.index, dtype="str")
    mapped["id"] = records["Id"]
    mapped["unique_key"] = unique_keys(records, mapping.unique_link, types[mapping.unique_link.salesforce_field])
    if mapping.unique_link.salesforce_field.lower() == "id":
        # A converted lead and its contact are one customer, also without a common e-mail address.
        mapped["unique_key"] = _optional(records, "ConvertedContactId").fillna(mapped["unique_key"])
    mapped["system_modstamp"] = pd.to_datetime(records["SystemModstamp"], utc=True, format="ISO8601")
    mapped["is_deleted"] = records["IsDeleted"] == "true"
    mapped["is_converted"] = _optional(records, "IsConverted") == "true"
    mapped["converted_contact_id"] = _optional(records, "ConvertedContactId")
    mapped["master_record_id"] = _optional(records, "MasterRecordId")
    mapped["field_values"] = json_objects(
        {field: text_literals(records[field]) for field in mapping.salesforce_fields}, index=records.index
    )
    mapped["address_hash"] = _address_hashes(records, mapped["unique_key"], mapping, hashes)
    says_no = {link.name: says_no_of(records[link.salesforce_field], link) for link in mapping.links if link.is_consent}
    unread = pd.Series(pd.NA, index=records.index, dtype="boolean")
    mapped["says_no_email"] = says_no.get("opt_in", unread)
    mapped["says_no_sms"] = says_no.get("sms_opt_in", unread)
    return mapped


def customer_values(records: pd.DataFrame, mapping: ObjectMapping, types: Mapping[str, str]) -> pd.DataFrame:
    """Return the linked customer fields of records as they were read, a column per link (`FieldLink.column`).

    Standard fields as `map_records` gives them, option fields as JSON literals.
    """
    values = {}
    for link in mapping.links:
        content = convert(records[link.salesforce_field], link, types[link.salesforce_field]).content
        if link.kind is CustomerFieldKind.OPTION:
            content = pd.Series(_literals(content, types[link.salesforce_field]), index=records.index, dtype="str")
        values[link.column] = content
    return pd.DataFrame(values, index=records.index)


def _literals(content: pd.Series, described_type: str) -> pa.Array:
    plain_text = plain_type(described_type) not in NUMBER_TYPES | {"boolean"}
    return (text_literals if plain_text else raw_literals)(content)


def _address_hashes(
    records: pd.DataFrame, keys: pd.Series, mapping: ObjectMapping, hashes: AddressHash | None
) -> pd.Series:
    """Return the hash of each record's e-mail address or, where it has none, of its unique key."""
    if hashes is None:
        return pd.Series(pd.NA, index=records.index, dtype="Int64")
    links = [link for link in mapping.links if link.target == EMAIL_ADDRESS]
    by_key = "key:" + keys
    if not links:
        return hashes.of_column(by_key)
    if links[0].unique:
        return hashes.of_column(keys)
    return hashes.of_column(normalised(records[links[0].salesforce_field]).fillna(by_key))


def says_no_of(values: pd.Series, link: FieldLink) -> pd.Series:
    """Return whether each value of a linked consent field is a no (boolean); an empty one is."""
    says_no: pd.Series = (~_yes_no(values, opposite=link.opposite)).astype("boolean")
    return says_no


def most_at_once(mapping: ObjectMapping) -> int:
    """Return how many records are mapped at once: their JSON names every field, also the many that are empty."""
    options = [link.name for link in mapping.links if link.kind is CustomerFieldKind.OPTION]
    return max(1, _JSON_BYTES // sum(len(name) + _AROUND_A_NAME for name in [*mapping.salesforce_fields, *options]))


def in_key_order(records: pd.DataFrame, mapping: ObjectMapping, types: Mapping[str, str]) -> pd.DataFrame:
    """Return records as they were read, in the order of their unique keys."""
    link = mapping.unique_link
    order = unique_keys(records, link, types[link.salesforce_field]).array.argsort()
    in_order: pd.DataFrame = records.iloc[order]
    return in_order


def unique_keys(records: pd.DataFrame, link: FieldLink, described_type: str = "") -> pd.Series:
    """Return the unique keys: an e-mail address as it is compared, any other value trimmed."""
    if link.target == EMAIL_ADDRESS:
        return normalised(records[link.salesforce_field])
    values = _text(records[link.salesforce_field], described_type).str.strip()
    return values.mask(values == "")


def normalised(addresses: pd.Series) -> pd.Series:
    """Return e-mail addresses as they are compared (`normalise_address`), a whole column; an empty one is missing."""
    clean = addresses.str.strip(AROUND_ADDRESSES).str.lower()
    is_plain = addresses.isna() | addresses.str.isascii()
    if not is_plain.all():
        # One by one: Arrow's small letters are not always Python's.
        clean = clean.mask(~is_plain, addresses[~is_plain].map(normalise_address).astype("str"))
    return clean.mask(clean == "")


def convert(values: pd.Series, link: FieldLink, described_type: str) -> _Column:
    """Convert one column by the described type of its field and the type of its customer field."""
    match link.field_type:
        case FieldType.YES_NO:
            column = _Column(_yes_no(values, opposite=link.opposite))
        case FieldType.DATE:
            column = _dates(values)
        case FieldType.TEXT:
            is_address = link.name in ADDRESSES
            column = _addresses(values) if is_address else _Column(_text(values, described_type))
        case None:
            column = _option(values, described_type)
    return column


def _text(values: pd.Series, described_type: str) -> pd.Series:
    is_number = plain_type(described_type) in NUMBER_TYPES
    return as_shown(values, decimals_of(described_type)) if is_number else values


def _addresses(values: pd.Series) -> _Column:
    """Return e-mail addresses as they are typed, without what stands around them."""
    clean = values.str.strip(AROUND_ADDRESSES)
    clean = clean.mask(clean == "")
    bad = ~clean.str.fullmatch(_PLAIN_ADDRESS, na=True)
    # The few others one by one: Arrow has no name for what is blank or invisible in any script.
    bad[bad] = ~clean[bad].str.fullmatch(_ADDRESS)
    return _Column(clean.mask(bad), bad, "an e-mail address")


def _option(values: pd.Series, described_type: str) -> _Column:
    """Return the JSON value of an option field; numbers keep every digit that Salesforce gave."""
    if plain_type(described_type) in NUMBER_TYPES:
        return _matching(values, _JSON_NUMBER, "a number")
    if described_type == "boolean":
        return _matching(values.str.lower(), "true|false", "true or false")
    if described_type == "date":
        return _dates(values)
    if described_type == "datetime":
        whole = _matching(values, _DATETIME, "a date and time")
        return _Column(whole.content.str.slice(0, 19) + "Z", whole.bad, whole.what)
    return _Column(values)


def _yes_no(values: pd.Series, *, opposite: bool) -> pd.Series:
    """Return true only for `Y` or `true` (opposite: `N` or `false`), in any case."""
    return values.str.strip().str.lower().isin(SALESFORCE_NO if opposite else SALESFORCE_YES)


def _dates(values: pd.Series) -> _Column:
    with suppress(pa.ArrowInvalid):
        # Most columns hold nothing but dates, and Arrow reads these a hundred times faster than what follows.
        pa.array(values, type=pa.large_string(), from_pandas=True).cast(pa.date32())
        return _Column(values)
    # Dates have no zone and never shift; of a datetime the UTC day counts.
    days = values.str.slice(0, 10)
    bad = values.notna() & (~days.str.fullmatch(_DATE) | ~values.str.fullmatch(f"{_DATE}|{_DATETIME}"))
    impossible = pd.to_datetime(days.mask(bad), format="%Y-%m-%d", errors="coerce").isna()
    bad = bad | (values.notna() & impossible)
    return _Column(days.mask(bad), bad, "a date")


def _matching(values: pd.Series, pattern: str, what: str) -> _Column:
    bad = values.notna() & ~values.str.fullmatch(pattern, na=False)
    return _Column(values.mask(bad), bad, what)


def _no_unique_value(keys: pd.Series, link: FieldLink) -> pd.Series:
    reasons = pd.Series(pd.NA, index=keys.index, dtype="str")
    return reasons.mask(keys.isna(), f"{link.salesforce_field} is empty, and it is the unique field")


def _optional(records: pd.DataFrame, column: str) -> pd.Series:
    if column in records:
        return records[column]
    return pd.Series(pd.NA, index=records.index, dtype="str")
