"""What a push knows of the fields that it writes to, and when it asks Salesforce."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crm_sync.pull.watermarks_store import read_watermarks
from crm_sync.push.changes import Changes
from crm_sync.push.described_fields import keep_fields, read_fields
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.sobject import SObject
from tasks.run.reading import describe_object
from tasks.run.run import Run, utc_now


@dataclass(frozen=True)
class KnownFields:
    """The fields of one object; `is_whole`: as Salesforce described them, and not only the types that a pull knows;
    `is_new`: in this very run."""

    fields: Mapping[str, FieldDescription]
    is_whole: bool
    is_new: bool

    def needs_describe(self, changes: Changes) -> bool:
        """Tell whether Salesforce has to be asked before these changes are sent or refused.

        Before something is refused here it is: somebody may have mended it in Salesforce meanwhile.
        """
        if self.is_new:
            return False
        return bool(changes.code.notna().any() or (not self.is_whole and changes.to_send.any()))


def known_fields(run: Run, sobject: SObject) -> KnownFields:
    """Return what is known of an object's fields without asking."""
    with run.database.transaction() as connection:
        kept = read_fields(connection, run.org_key, sobject, utc_now())
        marks = read_watermarks(connection, run.org_key)
    if kept is not None:
        return KnownFields(kept.fields, is_whole=True, is_new=kept.described_at >= run.started_at)
    types = marks[sobject].field_types if sobject in marks else {}
    bare = {name: FieldDescription(name, name, kind) for name, kind in types.items() if kind is not None}
    return KnownFields(bare, is_whole=False, is_new=False)


def describe_fields(run: Run, sobjects: Iterable[SObject]) -> dict[SObject, KnownFields]:
    """Ask Salesforce for the fields of these objects, and keep them."""
    known = {}
    for sobject in sobjects:
        fields = describe_object(run.org, sobject)
        with run.database.transaction() as connection:
            keep_fields(connection, run.org_key, sobject, fields, utc_now())
        known[sobject] = KnownFields(fields, is_whole=True, is_new=True)
    return known
