"""The findings of a check of the connection, for a person to read."""

from dataclasses import dataclass, field

from crm_sync.runs.states import RunState
from crm_sync.salesforce.schema.describe import Identity
from crm_sync.sobject import SObject


@dataclass(frozen=True)
class FieldReport:
    """One link of the mapping beside the field in Salesforce; `salesforce_type` is None when it is not visible.

    `comes`: of a field that changes without its record, when that arrives; `sounds_like_no`: the link fills consent as
    it is, from a field whose name sounds like an opt-out.
    """

    sobject: SObject
    salesforce_field: str
    salesforce_type: str | None
    customer_field: str
    is_unique: bool
    sounds_like_no: bool = False
    comes: str = ""

    @property
    def finding(self) -> str:
        """Say whether the link works."""
        if self.salesforce_type is None:
            return "NOT VISIBLE: correct the name, or give the integration user access to the field"
        if self.sounds_like_no:
            return "does true mean No in it? Then tick 'Says the opposite'"
        return f"ok; {self.comes}" if self.comes else "ok"


@dataclass(frozen=True)
class DeployteqReport:
    """A brand in Deployteq: its customers, and how it behaves: question, answer, and whether that is safe."""

    brand: str
    customers: int
    calls: int
    answers: tuple[tuple[str, str, bool], ...] = ()

    @property
    def unsafe(self) -> list[str]:
        """What keeps anything from being delivered."""
        return [f"{question}: {answer}" for question, answer, is_safe in self.answers if not is_safe]

    def sentence(self) -> str:
        """Say whether customers can be delivered."""
        if self.unsafe:
            return (
                f" Nothing is delivered to Deployteq, which behaves otherwise than is safe: {'; '.join(self.unsafe)}."
            )
        return f" Deployteq's brand {self.brand} answers; it has {self.customers:,} customers."


@dataclass(frozen=True)
class ConnectionReport:
    """The login and its org, the requests left, every mapped field, and the number of records.

    `without_opt_out`: objects with no link to opt_in that can be written; a no that is said here stays here.
    """

    identity: Identity
    database: str
    customers: int
    daily_requests_left: int | None
    daily_requests: int | None
    records: dict[str, int]
    fields: list[FieldReport]
    requests_used: int
    without_opt_out: list[SObject] = field(default_factory=list)
    left_out: dict[SObject, str] = field(default_factory=dict)
    deployteq: DeployteqReport | None = None

    @property
    def missing(self) -> list[FieldReport]:
        """The links whose field is not visible to the integration user."""
        return [one for one in self.fields if one.salesforce_type is None]

    @property
    def state(self) -> RunState:
        """What a person should know first."""
        if self.deployteq and self.deployteq.unsafe:
            return RunState.NOT_CONFIGURED
        return RunState.WITH_MISSING_FIELDS if self.missing or self.left_out else RunState.COMPLETED

    def sentence(self) -> str:
        """Say in one sentence whether a sync can run, and in another whether Deployteq can be delivered to."""
        return self._of_salesforce() + (self.deployteq.sentence() if self.deployteq else "")

    def _of_salesforce(self) -> str:
        who = f"Logged in to {self.identity.organization_name} at {self.identity.host}"
        if not self.missing and not self.left_out:
            return f"{who}; all {len(self.fields)} mapped fields are there."
        names = ", ".join(
            f"{one.sobject}.{one.salesforce_field}" for one in self.missing if one.sobject not in self.left_out
        )
        shown = f"Salesforce does not show {names}: correct the mapping or the user's permissions"
        return f"{who}, but {'; '.join([*self.left_out.values(), *([shown] if names else [])])}."
