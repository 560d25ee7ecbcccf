"""Records as JSON requests hold them, and the faults in one that make the whole request unreadable."""

from collections.abc import Mapping
from typing import Any

from standins.salesforce.errors import RecordError, SalesforceError, not_found
from standins.salesforce.org.org import Org
from standins.salesforce.org.validation import stored_value
from standins.salesforce.schema.fields import SObject

WRONG_TYPE = "INVALID_TYPE_ON_FIELD_IN_RECORD"


def check_no_all_or_none(body: Mapping[str, Any]) -> None:
    """Raise SalesforceError for a request that is to be undone as a whole, which the stand-in cannot do."""
    if body.get("allOrNone") is True:
        raise SalesforceError(400, "INVALID_INPUT", "The stand-in does not know allOrNone")


def sobject_of(org: Org, name: str) -> SObject:
    """Return the sObject of a name in any case; raise SalesforceError NOT_FOUND when there is none."""
    found = org.sobject(name)
    if found is None:
        raise not_found()
    return found


def key_field(sobject: SObject, name: str) -> str:
    """Return the proper name of a field that records can be found by; raise SalesforceError NOT_FOUND."""
    found = sobject.field(name)
    if found is None or not (found.external_id or found.type in ("id", "email")):
        message = f"Provided external ID field does not exist or is not accessible: {name}"
        raise SalesforceError(404, "NOT_FOUND", message)
    return found.name


def readable(sobject: SObject, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row's values by their proper names, without its attributes.

    Raises SalesforceError for an unknown field or a value of another type: the JSON parser knows the sObject, so
    one such value fails the whole request and not only its record.
    """
    values = {}
    for name, value in row.items():
        if name == "attributes":
            continue
        found = sobject.field(name)
        if found is None:
            raise SalesforceError(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")
        try:
            stored_value(found, value)
        except RecordError as error:
            if error.code == WRONG_TYPE:
                raise _unreadable(found.type, value) from error
        values[found.name] = value
    return values


def _unreadable(kind: str, value: Any) -> SalesforceError:
    message = (
        f"Cannot deserialize instance of {kind} from VALUE_STRING value {value} "
        "or request may be missing a required field at [line:1, column:1]"
    )
    return SalesforceError(400, "JSON_PARSER_ERROR", message)
