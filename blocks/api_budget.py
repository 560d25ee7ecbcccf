"""How many Salesforce requests may be made, and what is kept for whom, as saved in Prefect."""

from typing import cast

from pydantic import BaseModel, ConfigDict, Field

from blocks.load import load_block
from blocks.saved_block import SavedBlock, picked_from_a_list
from crm_sync.budget.rules import BudgetRules, Kept


class KeptShare(BaseModel):
    """What no other flow may use."""

    hour: float = Field(default=0, ge=0, le=100, title="Of the hour, in percent")
    day: float = Field(default=0, ge=0, le=100, title="Of this integration's day, in percent")

    def rule(self) -> Kept:
        """Return the shares as the rules read them."""
        return Kept(hour=self.hour / 100, day=self.day / 100)


class ApiBudget(SavedBlock):
    """The limits that this integration keeps by itself, below those of Salesforce."""

    _block_type_name = "API budget"
    _block_type_slug = "salesforce-api-budget"
    _description = (
        "How many Salesforce requests may be made. It counts under the name 'budget'; without such a block, what was "
        "last used with the customer database counts, or else the defaults."
    )

    model_config = ConfigDict(json_schema_extra=picked_from_a_list("requests_per_hour"))

    requests_per_hour: int = Field(
        default=3600,
        ge=10,
        le=3600,
        title="Requests per hour",
        description="Of all flows together, in any 60 minutes.",
    )
    share_of_day: float = Field(
        default=50,
        gt=0,
        le=100,
        title="Share of the day, in percent",
        description="How much of the requests that Salesforce allows the org in 24 hours this integration may use.",
    )
    stop_when_org_used: float = Field(
        default=80,
        gt=0,
        le=100,
        title="Stop when the org has used, in percent",
        description="All programs together: above this nothing is sent, so that the others can go on.",
    )
    keep_for_pull: KeptShare = Field(
        default=KeptShare(hour=1, day=5), title="Kept for the incremental pull", description="No other flow uses it."
    )
    keep_for_push: KeptShare = Field(
        default=KeptShare(hour=2, day=10),
        title="Kept for the campaign push",
        description="For opt-outs too. No other flow uses it.",
    )
    keep_for_moments: KeptShare = Field(
        default=KeptShare(), title="Kept for contact moments", description="No other flow uses it."
    )
    longest_wait_minutes: float = Field(
        default=10,
        ge=0,
        le=120,
        title="Longest wait, in minutes",
        description="A run waits so long for room in the hour; if it takes longer, it ends, and the next one goes on.",
    )
    alert_when_rejected: int = Field(
        default=100, ge=0, title="Alert above so many rejects", description="Records that could not be used."
    )
    notify: str = Field(
        default="",
        title="Notification block",
        pattern=r"^([a-z0-9-]+/[a-z0-9-]+)?$",
        description="Where alerts go, as type/name, like slack-webhook/alerts. Empty: they only show in Prefect.",
    )

    def check(self) -> None:
        """Raise ValueError when more is kept than there is."""
        kept = (self.keep_for_pull, self.keep_for_push, self.keep_for_moments)
        if sum(share.hour for share in kept) >= 100 or sum(share.day for share in kept) >= 100:  # noqa: PLR2004  # percent
            raise ValueError("What is kept for the flows has to leave something for the others.")

    def rules(self) -> BudgetRules:
        """Return the settings as the rules read them."""
        return BudgetRules(
            per_hour=self.requests_per_hour,
            share_of_day=self.share_of_day / 100,
            stop_at=self.stop_when_org_used / 100,
            kept={
                "incremental_pull": self.keep_for_pull.rule(),
                "campaign_push": self.keep_for_push.rule(),
                "contact_moment_export": self.keep_for_moments.rule(),
            },
        )


BUDGET_BLOCK = "budget"


def find_budget(budget: ApiBudget | str | None = None) -> ApiBudget | None:
    """Return the block; the one named 'budget' when none is given, None when that is not there either.

    Raises ConfigurationError when a given block is not there, or what was saved does not hold together.
    """
    if budget is not None:
        return load_block(ApiBudget, budget)
    try:
        saved = ApiBudget.load(BUDGET_BLOCK)
    except ValueError:  # Prefect's answer for a block that is not there
        return None
    return load_block(ApiBudget, cast(ApiBudget, saved))  # only in an event loop it would be a coroutine


def load_budget(budget: ApiBudget | str | None = None) -> ApiBudget:
    """Return the block as `find_budget` does, with its defaults when there is none."""
    return find_budget(budget) or ApiBudget()
