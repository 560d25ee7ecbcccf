"""The findings of a check of the connection, for a person to read."""

from dataclasses import dataclass

from crm_sync.runs.states import RunState
from crm_sync.salesforce.schema.describe import Identity
from crm_sync.sobject import SObject


@dataclass(frozen=True)
class FieldReport:
    """One link of the mapping beside the field in Salesforce; `salesforce_type` is None when it is not visible."""

    sobject: SObject
    salesforce_field: str
    salesforce_type: str | None
    customer_field: str
    is_unique: bool

    @property
    def finding(self) -> str:
        """Say whether the link works."""
        if self.salesforce_type is not None:
            return "ok"
        return "NOT VISIBLE: correct the name, or give the integration user access to the field"


@dataclass(frozen=True)
class ConnectionReport:
    """The login and its org, the requests left, every mapped field, and the number of records."""

    identity: Identity
    database: str
    customers: int
    daily_requests_left: int | None
    daily_requests: int | None
    records: dict[str, int]
    fields: list[FieldReport]
    requests_used: int

    @property
    def missing(self) -> list[FieldReport]:
        """The links whose field is not visible to the integration user."""
        return [field for field in self.fields if field.salesforce_type is None]

    @property
    def state(self) -> RunState:
        """What a person should know first."""
        return RunState.WITH_MISSING_FIELDS if self.missing else RunState.COMPLETED

    def sentence(self) -> str:
        """Say in one sentence whether a sync can run."""
        who = f"Logged in to {self.identity.organization_name} at {self.identity.host}"
        if not self.missing:
            return f"{who}; all {len(self.fields)} mapped fields are there."
        names = ", ".join(f"{field.sobject}.{field.salesforce_field}" for field in self.missing)
        return f"{who}, but Salesforce does not show {names}; correct the mapping or the user's field permissions."
