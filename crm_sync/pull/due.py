"""What makes a full sync due, and from which watermark on a pull can read each object."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from crm_sync.mapping.model import MappingRules
from crm_sync.pull.watermarks_store import Watermark
from crm_sync.salesforce.limits import RECYCLE_BIN
from crm_sync.sobject import SObject

_FORGOTTEN = "the last pull was so long ago that Salesforce has forgotten what was deleted"


@dataclass(frozen=True)
class PullScope:
    """The watermark of each object that can be pulled, and why a full sync of an object is due."""

    marks: dict[SObject, Watermark]
    full_sync_reasons: dict[SObject, str]

    def reasons_after(self, asked_at: Mapping[SObject, datetime]) -> dict[SObject, str]:
        """Return why full syncs are due once the changes are read: by then Salesforce's time is known."""
        late = [sobject for sobject, at in asked_at.items() if at - self.marks[sobject].stored_until > RECYCLE_BIN]
        return self.full_sync_reasons | dict.fromkeys(late, _FORGOTTEN)


def find_pull_scope(rules: MappingRules, known: Mapping[SObject, Watermark]) -> PullScope:
    """Hold the watermarks against the mapping: an object that was never read whole, or by another unique field, is not
    pulled."""
    marks, reasons = {}, {}
    # Leads first: the customer of a lead that was converted then follows it to its contact.
    for sobject in sorted(rules.mapped, key=[SObject.LEAD, SObject.CONTACT].index):
        mark = known.get(sobject)
        if mark is None or not mark.unique_field:
            reasons[sobject] = "it was never read whole"
        elif mark.unique_field != rules.of(sobject).unique_link.salesforce_field:
            reasons[sobject] = "another field is the unique one now; until then it is left alone"
        else:
            marks[sobject] = mark
            if not mark.mapping_fingerprint:
                reasons[sobject] = _FORGOTTEN
            elif mark.mapping_fingerprint != rules.fingerprint(sobject):
                reasons[sobject] = "its mapping has changed"
    return PullScope(marks, reasons)
