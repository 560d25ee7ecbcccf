"""How much a run may do to many people at once without a person, and how long old values stay."""

from pydantic import BaseModel, ConfigDict, Field

from crm_sync.bounds import LONGEST_DAYS, MOST


class Safeguards(BaseModel):
    """How much a run may do to many people at once, and how long old values stay."""

    model_config = ConfigDict(extra="forbid")

    hold_above_percent: float = Field(
        default=20,
        ge=0,
        le=100,
        title="Hold back above percent",
        description="Of the known customers: marked as deleted, another or no unique field or e-mail address, a field "
        "that loses its value. What would change more of them within a day waits until a person ticks a box.",
    )
    hold_above_customers: int = Field(
        default=50,
        ge=0,
        le=MOST,
        title="And above customers",
        description="So many may always be changed within a day.",
    )
    hold_entering_above_percent: float = Field(
        default=50,
        ge=0,
        le=100,
        title="Hold back a campaign above percent",
        description="Of all customers, when they enter a campaign at once.",
    )
    keep_old_values_days: int = Field(
        default=14,
        ge=1,
        le=LONGEST_DAYS,
        title="Keep old values",
        description="So many days a run can be taken back with undo-run.",
    )
    forget_deleted_after_days: int = Field(
        default=30,
        ge=1,
        le=LONGEST_DAYS,
        title="Forget deleted people after",
        description="So many days after a person was deleted in Salesforce, the values here are erased.",
    )
