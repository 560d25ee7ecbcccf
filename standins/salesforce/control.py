"""`/__control`: orders and questions to a stand-in that runs as a process of its own."""

from dataclasses import asdict
from typing import Any

from .errors import RecordError, SalesforceError
from .faults import Fault
from .messages import Answer, Request, json_answer
from .org import Org

PATH = "/__control"
_RECORD_CALLS = ("insert", "update", "delete", "undelete", "purge", "merge", "convert")


def control(org: Org, request: Request) -> Answer:
    """Answer GET with the journal; obey POST, whose keys are each one order."""
    if request.method == "GET":
        return json_answer(_report(org))
    try:
        return json_answer({"done": [_obey(org, key, value) for key, value in request.json().items()]})
    except (SalesforceError, RecordError, TypeError, ValueError, KeyError, AttributeError) as error:
        return json_answer({"error": f"{type(error).__name__}: {error}"}, 400)


def _report(org: Org) -> dict[str, Any]:
    entries = [asdict(entry) | {"time": entry.time.isoformat()} for entry in org.requests]
    return {"requests": entries, "counts": org.journal.counts(), "used": org.usage.used}


def _obey(org: Org, key: str, value: Any) -> Any:
    if key == "faults":
        return org.faults.add(*(Fault(**rule) for rule in value))
    if key == "settings":
        return _set(org, value)
    if key == "records":
        return [_call(org, *call) for call in value]
    if key == "fail_next_bulk_job":
        return org.bulk_jobs.fail_next(value)
    orders = {
        "expire_sessions": org.logins.expire_all,
        "expire_cursors": org.cursors.expire_all,
        "clear_faults": org.faults.clear,
        "clear_journal": org.journal.clear,
    }
    return orders[key]()


def _set(org: Org, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if not isinstance(getattr(org.settings, name), bool | int | float | str | None):
            raise TypeError(f"{name} cannot be set from outside")
        setattr(org.settings, name, value)


def _call(org: Org, name: str, *arguments: Any) -> Any:
    if name not in _RECORD_CALLS:
        raise ValueError(f"no such call: {name}")
    return getattr(org.records, name)(*arguments)
