"""State and country picklists: the code and the text of a state or country say the same, or nothing is saved.

Rule: Salesforce Help, "State and Country/Territory Picklist Field-Syncing Logic"; the words are those that users
report.
"""

from collections.abc import Mapping
from dataclasses import replace

from standins.salesforce.errors import RecordError
from standins.salesforce.schema.fields import Field, SObject
from standins.salesforce.soql.sql import Value

_US = {"CA": "California", "NY": "New York", "TX": "Texas"}
_CANADA = {"BC": "British Columbia", "ON": "Ontario"}
# By code: the text, which Salesforce calls the integration value, and the states.
_COUNTRIES = {"NL": ("Netherlands", {}), "DE": ("Germany", {}), "US": ("United States", _US), "CA": ("Canada", _CANADA)}
_NAMES = {code: name for code, (name, _) in _COUNTRIES.items()}
_COUNTRY, _CODE = "Country", "Code"
_PROBLEM = "There's a problem with this {0}, even though it may appear correct."
_LIST = "Please select a {0} from the list of valid {1}."


def with_picklists(sobject: SObject) -> SObject:
    """Return an sObject whose addresses have a code beside each state and country."""
    states = tuple(code for _, known in _COUNTRIES.values() for code in known)
    codes = [
        Field(f"{text.name}{_CODE}", f"{text.label} Code", "picklist", 10, compound=text.compound, values=values)
        for text in sobject
        for part, values in (("State", states), (_COUNTRY, tuple(_COUNTRIES)))
        if text.compound and text.compound.endswith("Address") and text.name == f"{_prefix(text)}{part}"
    ]
    return replace(sobject, fields=(*sobject.fields, *codes))


def synced(
    kind: SObject, values: dict[str, Value], current: Mapping[str, Value], *, inserting: bool
) -> dict[str, Value]:
    """Return the values with code and text of each state and country in step; raise RecordError where they cannot."""
    found = dict(values)
    for field in kind:
        prefix = field.name.removesuffix(f"{_COUNTRY}{_CODE}")
        if prefix != field.name:
            found |= _address(kind, prefix, values, current, inserting=inserting)
    return found


def _address(
    kind: SObject, prefix: str, values: Mapping[str, Value], current: Mapping[str, Value], *, inserting: bool
) -> dict[str, Value]:
    state, country = f"{prefix}State", f"{prefix}{_COUNTRY}"
    if not {state, f"{state}{_CODE}", country, f"{country}{_CODE}"} & values.keys():
        return {}
    code = _code(kind, country, _NAMES, values, current, inserting=inserting)
    states = _COUNTRIES[str(code)][1] if code else {}
    is_emptied = code is None and {country, f"{country}{_CODE}"} & values.keys()
    names_state = any(values.get(name) for name in (state, f"{state}{_CODE}"))
    if is_emptied and not names_state:
        return dict.fromkeys((state, f"{state}{_CODE}", country, f"{country}{_CODE}"))
    if names_state and code is None:
        raise _refused(kind, state, "A country/territory must be specified before specifying a state value for field")
    kept = None if inserting else current.get(f"{state}{_CODE}")
    if kept and not {state, f"{state}{_CODE}"} & values.keys() and kept not in states:
        raise _refused(kind, state, "The existing country/territory doesn't recognize the state value for field")
    own = _code(kind, state, states, values, current, inserting=inserting)
    return {
        country: _NAMES.get(str(code)),
        f"{country}{_CODE}": code,
        state: states.get(str(own)),
        f"{state}{_CODE}": own,
    }


def _code(
    kind: SObject,
    text: str,
    choices: Mapping[str, str],
    values: Mapping[str, Value],
    current: Mapping[str, Value],
    *,
    inserting: bool,
) -> Value:
    """Return the code that an address gets; a new record's code goes before its text."""
    code, given = values.get(f"{text}{_CODE}"), values.get(text)
    by_text = next((one for one, name in choices.items() if name.lower() == str(given).lower()), None)
    if (code and code not in choices) or (given and not by_text and not (code and inserting)):
        what = ("country", "countries") if text.endswith(_COUNTRY) else ("state", "states")
        raise _refused(kind, text, f"{_PROBLEM} {_LIST}".format(*what))
    if code and given and by_text != code and not inserting:
        raise _refused(kind, text, "The integration value and the code do not match for field")
    if code or by_text:
        return code or by_text
    return None if {text, f"{text}{_CODE}"} & values.keys() else current.get(f"{text}{_CODE}")


def _refused(kind: SObject, name: str, message: str) -> RecordError:
    field = kind.field(name)
    return RecordError("FIELD_INTEGRITY_EXCEPTION", f"{message}: {field.label if field else name}", name)


def _prefix(field: Field) -> str:
    return str(field.compound).removesuffix("Address")
