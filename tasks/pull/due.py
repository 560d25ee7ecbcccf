"""From where an incremental pull reads each object, and what keeps it from being enough."""

from collections.abc import Iterable
from dataclasses import dataclass

from crm_sync.customers.mirror import holds_any
from crm_sync.mapping.checked import ResolvedMapping, without_missing_fields
from crm_sync.mapping.model import MappingRules
from crm_sync.pull.watermarks import RECYCLE_BIN, Watermark, read_watermarks
from crm_sync.sobject import SObject
from tasks.pull.changes import Changes
from tasks.pull.mapping import check_mapping
from tasks.run.run import Run

_FORGOTTEN = "the last pull was so long ago that Salesforce has forgotten what was deleted"


@dataclass(frozen=True)
class Due:
    """The objects that can be pulled, each from its watermark on, and those for which a full sync is due."""

    marks: dict[SObject, Watermark]
    full_sync: dict[SObject, str]

    def after(self, found: Iterable[Changes]) -> dict[SObject, str]:
        """Return for which objects a full sync is due once the changes are read: by then Salesforce's time is known."""
        late = [c.sobject for c in found if c.asked_at - self.marks[c.sobject].stored_until > RECYCLE_BIN]
        return self.full_sync | dict.fromkeys(late, _FORGOTTEN)


def find_pull_scope(run: Run, rules: MappingRules) -> Due:
    """Hold the watermarks against the mapping: what was never read whole, or by another unique field, is not pulled."""
    with run.database.transaction() as connection:
        marks = read_watermarks(connection, run.org_key)
    # Leads first: the customer of a lead that was converted then follows it to its contact.
    mapped = [sobject for sobject in (SObject.LEAD, SObject.CONTACT) if sobject in rules.mapped]
    pulled, due = {}, {}
    for sobject in mapped:
        mark = marks.get(sobject)
        if mark is None or not mark.unique_field:
            due[sobject] = "it was never read whole"
        elif mark.unique_field != rules.of(sobject).unique_link.salesforce_field:
            due[sobject] = "another field is the unique one now; until then it is left alone"
        else:
            pulled[sobject] = mark
            if not mark.mapping_fingerprint:
                due[sobject] = _FORGOTTEN
            elif mark.mapping_fingerprint != rules.fingerprint(sobject):
                due[sobject] = "its mapping has changed"
    return Due(pulled, due)


def resolve_mapping(run: Run, rules: MappingRules, marks: dict[SObject, Watermark]) -> ResolvedMapping:
    """Return the mapping as far as Salesforce shows its fields; asks only about fields that no watermark knows.

    An object of which nothing was ever stored is left out: nobody of it could speak for a customer. Raises MappingError
    for a new link that cannot be.
    """
    with run.database.transaction() as connection:
        unread = [sobject for sobject in rules.mapped if sobject not in marks and not holds_any(connection, sobject)]
    rules, found = rules.without(unread), {}
    for sobject in rules.mapped:
        known = marks[sobject].field_types if sobject in marks else {}
        paths = rules.of(sobject).salesforce_fields
        if not set(paths) <= known.keys():
            return check_mapping(run.org, rules, list(marks))
        found[sobject] = {path: known[path] for path in paths}
    return without_missing_fields(rules, found)
