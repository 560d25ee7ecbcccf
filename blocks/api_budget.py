"""How many Salesforce requests may be made, and how many of them are kept for which flow, as saved in Prefect."""

from typing import cast

from pydantic import ConfigDict, Field

from blocks.load import load_block
from blocks.saved_block import SavedBlock, picked_from_a_list
from crm_sync.bounds import MOST
from crm_sync.budget.rules import BudgetRules


class ApiBudget(SavedBlock, BudgetRules):
    """The limits that this integration keeps by itself, below those of Salesforce."""

    _block_type_name = "API budget"
    _block_type_slug = "salesforce-api-budget"
    _description = (
        "How many Salesforce requests may be made. It counts under the name 'budget'; without such a block, what was "
        "last used with the customer database counts, or else the defaults."
    )

    model_config = ConfigDict(json_schema_extra=picked_from_a_list("requests_per_hour"))

    longest_wait_minutes: float = Field(
        default=10,
        ge=0,
        le=120,
        title="Longest wait, in minutes",
        description="A run waits so long for room in the hour; if it takes longer, it ends, and the next one goes on.",
    )
    longest_job_hours: float = Field(
        default=4,
        gt=0,
        le=48,
        title="Longest job, in hours",
        description="A Bulk job that Salesforce has not finished by then is given up, here and there.",
    )
    alert_when_rejected: int = Field(
        default=100, ge=0, le=MOST, title="Alert above so many rejects", description="Records that could not be used."
    )
    notify: str = Field(
        default="",
        title="Notification block",
        pattern=r"^([a-z0-9-]+/[a-z0-9-]+)?$",
        description="Where alerts go, as type/name, like slack-webhook/alerts. Empty: they only show in Prefect.",
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


def load_budget() -> ApiBudget:
    """Return the block named 'budget', with its defaults when there is none."""
    return find_budget() or ApiBudget()
