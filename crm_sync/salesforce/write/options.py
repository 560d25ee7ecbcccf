"""How records are handed to Salesforce."""

from dataclasses import dataclass

from crm_sync.salesforce.limits import COLLECTIONS_PER_REQUEST, RECORDS_PER_COLLECTION


@dataclass(frozen=True)
class WriteOptions:
    """`at_once`: the records of one call, which the org's triggers get together; `calls`: those of one request;
    `save_despite_alerts`: write a record also where a duplicate rule that only alerts finds another one like it."""

    at_once: int = RECORDS_PER_COLLECTION
    save_despite_alerts: bool = False
    calls: int = COLLECTIONS_PER_REQUEST

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a call with records.

        Without the first, Salesforce runs the org's assignment rules at each update of a lead, and its owner changes
        (REST guide, "Assignment Rule Header", "Duplicate Rule Header"). A subrequest does not inherit them.
        """
        alerts = {"Sforce-Duplicate-Rule-Header": "allowSave=true"} if self.save_despite_alerts else {}
        return {"Sforce-Auto-Assign": "FALSE", **alerts}

    @property
    def takes_bulk(self) -> bool:
        """Whether a Bulk job may be used, which always hands the org's triggers as many as it likes."""
        return self.at_once >= RECORDS_PER_COLLECTION
