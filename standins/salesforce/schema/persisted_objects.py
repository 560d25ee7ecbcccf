"""The custom objects of an org with a database file, in a second file beside it for the next start."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter

from standins.salesforce.schema.fields import SObject

_OBJECTS = TypeAdapter(list[SObject])


def persist_objects(database: Path, sobjects: Iterable[SObject]) -> None:
    """Write the custom objects among these."""
    custom = [sobject for sobject in sobjects if sobject.name.endswith("__c")]
    _file(database).write_bytes(_OBJECTS.dump_json(custom, indent=1))


def persisted_objects(database: Path) -> list[SObject]:
    """Return the custom objects written last, none for a new database."""
    if not database.exists() or not _file(database).exists():
        return []
    return _OBJECTS.validate_json(_file(database).read_bytes())


def _file(database: Path) -> Path:
    return database.with_suffix(".objects.json")
