"""`@{name.field}`: a value that a subrequest takes from an earlier answer."""

import json
import re
from collections.abc import Mapping
from typing import Any

from standins.salesforce.errors import SalesforceError

_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}", re.ASCII)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]", re.ASCII)


def references_resolved(value: Any, bodies: Mapping[str, bytes]) -> Any:
    """Return `value` with every reference in it replaced by its value.

    Raises SalesforceError PROCESSING_HALTED for one without a value, which fails only this subrequest.
    """
    if isinstance(value, dict):
        return {name: references_resolved(one, bodies) for name, one in value.items()}
    if isinstance(value, list):
        return [references_resolved(one, bodies) for one in value]
    if not isinstance(value, str) or "@{" not in value:
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return _meaning(whole, bodies)
    return _REFERENCE.sub(lambda match: str(_meaning(match, bodies)), value)


def _meaning(match: re.Match[str], bodies: Mapping[str, bytes]) -> Any:
    name, path = match[1], match[2]
    found = json.loads(bodies[name]) if bodies.get(name) else None
    for field, index in _STEP.findall(path):
        if field:
            found = found.get(field) if isinstance(found, dict) else None
        else:
            found = found[int(index)] if isinstance(found, list) and int(index) < len(found) else None
    if found is None:
        message = f"Invalid reference specified. No value for {name}{path} found in {name}"
        raise SalesforceError(400, "PROCESSING_HALTED", message)
    return found
