"""Salesforce's checks of a value before it is stored."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from math import isfinite
from typing import Any

from standins.salesforce.errors import RecordError
from standins.salesforce.ids import full_id
from standins.salesforce.schema.fields import Field, SObject
from standins.salesforce.soql.sql import Value, stamp

_EMAIL = re.compile(r"[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s.,;<>()]{2,}")
_NUMERIC = ("double", "currency", "int")


def check_values(sobject: SObject, values: Mapping[str, Any], *, inserting: bool) -> dict[str, Value]:
    """Return the values as they are stored; raise RecordError for the first that Salesforce refuses."""
    stored = {}
    for name, value in values.items():
        field = _writable(sobject, name, inserting)
        checked = stored_value(field, value)
        # A field with a default takes it when a new record has no value; an update cannot empty it.
        if inserting and checked is None and field.defaulted:
            continue
        stored[field.name] = checked
    missing = [field.name for field in sobject if _lacks(field, stored, inserting)]
    if missing:
        raise RecordError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", *missing)
    return stored


def stored_value(field: Field, value: Any) -> Value:
    """Return a JSON value as the tables hold it; raise RecordError when it does not fit the field."""
    if value is None or value == "":
        return 0 if field.type == "boolean" else None
    if field.type == "boolean":
        return int(_boolean(field, value))
    if field.type in _NUMERIC:
        return _number(field, value)
    if not isinstance(value, str):
        raise _wrong_type(field, value)
    return _stored_text(field, value)


def _lacks(field: Field, stored: Mapping[str, Value], inserting: bool) -> bool:
    if stored.get(field.name) is not None:
        return False
    return field.required if inserting else field.name in stored and not field.nillable


def _boolean(field: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in ("true", "false"):
        raise _wrong_type(field, value)
    return value.lower() == "true"


def _number(field: Field, value: Any) -> int | float:
    """Numbers may come as text, as a recorded update shows and as CSV has it."""
    if isinstance(value, str):
        try:
            value = int(value) if field.type == "int" else float(value)
        except ValueError:
            raise _wrong_type(field, value) from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise _wrong_type(field, value)
    places = field.digits if field.type == "int" else field.precision - field.scale
    if places and abs(value) >= 10**places:
        message = f"{field.label}: value outside of valid range on numeric field: {value}"
        raise RecordError("NUMBER_OUTSIDE_VALID_RANGE", message, field.name)
    return value


def _writable(sobject: SObject, name: str, inserting: bool) -> Field:
    field = sobject.field(name)
    if field is None:
        raise RecordError("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}", name)
    if not (field.createable if inserting else field.updateable):
        raise RecordError(
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            f"Unable to create/update fields: {field.name}. Please check the security settings of this field and "
            "verify that it is read/write for your profile or permission set.",
            field.name,
        )
    return field


def _stored_text(field: Field, value: str) -> str:
    if field.type in ("date", "datetime"):
        return _stored_time(field, value)
    # In UTF-16 units, as Apex and the database of Salesforce count.
    if field.length and len(value.encode("utf-16-le", "surrogatepass")) // 2 > field.length:
        message = f"{field.label}: data value too large: {value[:20]} (max length={field.length})"
        raise RecordError("STRING_TOO_LONG", message, field.name)
    if field.type == "email" and not _EMAIL.fullmatch(value):
        raise RecordError("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {value}", field.name)
    if field.restricted and not set(value.split(";")) <= set(field.values):
        message = f"{field.label}: bad value for restricted picklist field: {value}"
        raise RecordError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, field.name)
    if field.type == "reference":
        found = full_id(value)
        if found is None:
            raise RecordError("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", field.name)
        return found
    return value


def _stored_time(field: Field, value: str) -> str:
    try:
        if field.type == "date":
            return date.fromisoformat(value).isoformat()
        return stamp(datetime.fromisoformat(value).replace(microsecond=0))
    except ValueError:
        raise _wrong_type(field, value) from None


def _wrong_type(field: Field, value: Any) -> RecordError:
    return RecordError(
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        f"{field.name}: value not of required type: {value}",
        field.name,
    )
