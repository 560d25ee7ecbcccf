"""`/__control`: orders to a stand-in that runs as a process of its own."""

from collections.abc import Callable
from typing import Any

from standins.salesforce.errors import RecordError, SalesforceError
from standins.salesforce.http.faults import Fault
from standins.salesforce.http.messages import Answer, Request, json_answer
from standins.salesforce.org.org import Org

PATH = "/__control"
_RECORD_CALLS = ("get", "insert", "update", "delete", "undelete", "purge", "merge", "convert")


def control(org: Org, request: Request) -> Answer:
    """Carry out the orders of a POST; each key is one."""
    try:
        return json_answer({"done": [_obey(org, key, value) for key, value in request.json().items()]})
    except (SalesforceError, RecordError, TypeError, ValueError, KeyError, AttributeError) as error:
        return json_answer({"error": f"{type(error).__name__}: {error}"}, 400)


def _obey(org: Org, key: str, value: Any) -> Any:
    orders: dict[str, Callable[[Any], Any]] = {
        "faults": lambda rules: org.faults.add(*(Fault(**rule) for rule in rules)),
        "settings": lambda values: _set(org, values),
        "records": lambda calls: [_call(org, *call) for call in calls],
        "refusals": lambda rules: _refuse(org, rules),
        "clear_refusals": lambda _: org.refusals.clear(),
    }
    return orders[key](value)


def _refuse(org: Org, rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        org.refusals.add(*rule["keys"], **{name: value for name, value in rule.items() if name != "keys"})


def _set(org: Org, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if not isinstance(getattr(org.settings, name), bool | int | float | str | None):
            raise TypeError(f"{name} cannot be set from outside")
        setattr(org.settings, name, value)


def _call(org: Org, name: str, *arguments: Any) -> Any:
    if name not in _RECORD_CALLS:
        raise ValueError(f"no such call: {name}")
    return getattr(org.records, name)(*arguments)
