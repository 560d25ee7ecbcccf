"""A run's request budget: its settings, and its ledger, which waits where waiting helps."""

from collections.abc import Callable
from datetime import datetime, timedelta

from blocks.api_budget import ApiBudget
from crm_sync.budget.ledger import RequestLedger
from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import LimitReachedError
from tasks.run.waiting import Waiting


def open_ledger(
    database: CustomerDatabase,
    org: str,
    flow: str,
    clock: Callable[[], datetime],
    budget: ApiBudget | None,
    *,
    waits: bool = True,
) -> RequestLedger:
    """Return the ledger of a run, which waits for the hour as long as the settings say, or not at all.

    Where no settings are saved, as with another Prefect server, those last used with this database count.
    """
    longest = timedelta(minutes=(budget or ApiBudget()).longest_wait_minutes)

    def wait(refusal: LimitReachedError) -> bool:
        left = (refusal.until - clock()) if refusal.until else longest
        if left >= longest:
            return False
        # Not all at the same instant, and never without a pause.
        Waiting(f"the hour's budget until {refusal.until:%Y-%m-%d %H:%M:%S} UTC").sleep(
            max(left.total_seconds(), 0) + 0.1
        )
        return True

    return RequestLedger(database, org=org, flow=flow, rules=budget, clock=clock, wait=wait if waits else None)
