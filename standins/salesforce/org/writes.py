"""Updates and upserts, one by one and many together; an upsert by Id without one makes a record."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from standins.salesforce.errors import RecordError
from standins.salesforce.ids import full_id
from standins.salesforce.org.outcome import Operation, Outcome
from standins.salesforce.org.validation import stored_value
from standins.salesforce.schema.fields import Field, SObject

if TYPE_CHECKING:
    from standins.salesforce.org.org import Org

_PREFIX = 3


@dataclass(frozen=True)
class Write:
    """One record to write: `key` is the value of `key_field` by which it is found, `values` are what changes."""

    operation: Operation
    sobject: SObject
    values: Mapping[str, Any] = field(default_factory=dict)
    key: Any = None
    key_field: str = "Id"
    saves_despite_alerts: bool = False

    @property
    def identity(self) -> tuple[str, str] | None:
        """Return the key that two writes to the same record share, or None for a new record."""
        if self.key in (None, ""):
            return None
        by_id = full_id(str(self.key)) if self.key_field == "Id" else None
        return self.sobject.name, by_id or str(self.key).casefold()


def write_all(org: "Org", writes: Sequence[Write]) -> list[Outcome]:
    """Write records in their order; several writes to the same record are all refused."""
    if org.settings.triggers_take is not None and len(writes) > org.settings.triggers_take:
        error = RecordError(org.settings.triggers_refuse_with, org.settings.triggers_say)
        return [Outcome(error=error) for _ in writes]
    seen = Counter(write.identity for write in writes if write.identity)
    repeated = {identity for identity, times in seen.items() if times > 1}
    with org.records.transaction():
        return [_attempt(org, write, repeated=write.identity in repeated) for write in writes]


def write_one(org: "Org", write: Write) -> Outcome:
    """Write one record; raise RecordError when it is refused."""
    org.refusals.check(*_names(write), saves=write.saves_despite_alerts)
    kind = write.sobject
    if write.operation == "upsert":
        return _upsert(org, write)
    record_id = _record_id(kind, write.key, write.operation)
    org.check_shared(kind.name, record_id)
    org.refusals.check(record_id, saves=write.saves_despite_alerts)
    _update(org, kind, record_id, write.values)
    return Outcome(record_id)


def _attempt(org: "Org", write: Write, *, repeated: bool) -> Outcome:
    if repeated:
        what = "Duplicate id specified" if write.key_field == "Id" else "Duplicate external id specified"
        return Outcome(error=RecordError("DUPLICATE_VALUE", f"{what}: {write.key}", write.key_field))
    try:
        return write_one(org, write)
    except RecordError as error:
        return Outcome(error=error)


def _upsert(org: "Org", write: Write) -> Outcome:
    kind, key = write.sobject, write.key
    if write.key_field == "Id":
        found = [] if key in (None, "") else [_record_id(kind, key, "upsert")]
        named: dict[str, Any] = {}
    else:
        if key in (None, ""):
            raise RecordError("MISSING_ARGUMENT", f"{write.key_field} not specified", write.key_field)
        wanted = kind.field(write.key_field)
        found = org.records.find(kind.name, write.key_field, stored_value(wanted, key)) if wanted else []
        named = {write.key_field: key}
    if len(found) > 1:
        message = f"{write.key_field}: more than one record found for external id field: [{', '.join(found)}]"
        raise RecordError("DUPLICATE_EXTERNAL_ID", message, write.key_field)
    if found:
        org.refusals.check(found[0], saves=write.saves_despite_alerts)
        _update(org, kind, found[0], write.values)
        return Outcome(found[0])
    values = {**write.values, **named}
    _check_parents(org, kind, values, {})
    return Outcome(org.records.insert(kind.name, values), created=True)


def _update(org: "Org", kind: SObject, record_id: str, values: Mapping[str, Any]) -> None:
    _check_parents(org, kind, values, org.records.get(kind.name, record_id))
    org.records.update(kind.name, record_id, values)


def _record_id(kind: SObject, key: Any, operation: str) -> str:
    if key in (None, ""):
        raise RecordError("MISSING_ARGUMENT", f"Id not specified in an {operation} call")
    found = full_id(key) if isinstance(key, str) else None
    if found is None or not found.startswith(kind.prefix):
        raise RecordError("MALFORMED_ID", f"{kind.name} ID: id value of incorrect type: {key}", "Id")
    return found


def _check_parents(org: "Org", kind: SObject, values: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """A new parent has to be there; one that the record has already may since have gone."""
    for name, value in values.items():
        known = kind.field(name)
        if known is None or not known.refers_to or not value:
            continue
        parent_id = stored_value(known, value)
        if parent_id != current.get(known.name):
            _check_parent(org, known, str(parent_id))


def _check_parent(org: "Org", known: Field, parent_id: str) -> None:
    targets = [org.schema[name] for name in known.refers_to if name in org.schema]
    parent = next((target for target in targets if target.prefix == parent_id[:_PREFIX]), None)
    if parent is None and len(targets) == len(known.refers_to):
        raise RecordError("MALFORMED_ID", f"{known.label}: id value of incorrect type: {parent_id}", known.name)
    if parent is None:
        return
    state = org.records.state(parent.name, parent_id)
    if state == "deleted":
        raise RecordError("ENTITY_IS_DELETED", "entity is deleted", known.name)
    if state == "converted":
        raise RecordError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", known.name)


def _names(write: Write) -> list[str]:
    """Return the names by which a refusal finds this write: the key and the Ids of the parents."""
    parents = [
        value for name, value in write.values.items() if (known := write.sobject.field(name)) and known.refers_to
    ]
    return [str(value) for value in (write.key, *parents) if value]
