"""A run's request budget: its settings, and its ledger, which waits where waiting helps."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

from blocks.api_budget import ApiBudget
from blocks.named import named
from crm_sync.customers.database import CustomerDatabase
from crm_sync.customers.ledger import RequestLedger
from crm_sync.errors import LimitReachedError
from tasks.waiting import Waiting

BUDGET_BLOCK = "budget"


def find_budget(budget: ApiBudget | str | None = None) -> ApiBudget | None:
    """Return the block; the one named 'budget' when none is given, None when that is not there either.

    Raises ConfigurationError when a given block is not there, or what was saved does not hold together.
    """
    if budget is not None:
        return named(ApiBudget, budget)
    try:
        saved = ApiBudget.load(BUDGET_BLOCK)
    except ValueError:  # Prefect's answer for a block that is not there
        return None
    return named(ApiBudget, cast(ApiBudget, saved))  # only in an event loop it would be a coroutine


def load_budget(budget: ApiBudget | str | None = None) -> ApiBudget:
    """Return the block as `find_budget` does, with its defaults when there is none."""
    return find_budget(budget) or ApiBudget()


def open_ledger(
    database: CustomerDatabase,
    org: str,
    flow: str,
    clock: Callable[[], datetime],
    budget: ApiBudget | str | None = None,
    *,
    waits: bool = True,
) -> RequestLedger:
    """Return the ledger of a run, which waits for the hour as long as the settings say, or not at all.

    Where no settings are saved, as with another Prefect server, those last used with this database count.
    """
    block = find_budget(budget)
    longest = timedelta(minutes=(block or ApiBudget()).longest_wait_minutes)

    def wait(refusal: LimitReachedError) -> bool:
        left = (refusal.until - clock()) if refusal.until else longest
        if left >= longest:
            return False
        # Not all at the same instant, and never without a pause.
        Waiting(f"the hour's budget until {refusal.until:%H:%M:%S} UTC").sleep(max(left.total_seconds(), 0) + 0.1)
        return True

    rules = block.rules() if block else None
    return RequestLedger(database, org=org, flow=flow, rules=rules, clock=clock, wait=wait if waits else None)
