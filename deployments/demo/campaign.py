"""The campaign of the demo: customers that leave the Salesforce Synchronize step by every output there is."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from blocks.customer_database import CustomerDatabase
from blocks.load import load_block
from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.push.queue_store import enter_campaign
from deployments.demo.customers import change_customers, choose_contacts, let_the_pause_pass
from deployments.env_file import is_saved

CAMPAIGN = "spring"
_MEMBERS, _TOO_LONG, _LIMITED = 200, 5, 20
_TITLE = "Guest of the spring campaign"
_LONG_TITLE = "x" * 129


def save_demo_settings() -> None:
    """Save the settings of the step, unless somebody has."""
    if not is_saved(SalesforceSynchronize, "salesforce-synchronize"):
        step = SalesforceSynchronize(fields=["Title", "MobilePhone", "HasOptedOutOfEmail"])
        step.save("salesforce-synchronize")


def enter_demo_customers(org_url: str) -> int:
    """Change customers and enter them into the campaign; the org refuses some of them with its limit.

    Five have a title that Salesforce refuses, twenty meet the limit, ten of all others withdraw consent. Customers of
    an earlier demo are not entered again.
    """
    now = datetime.now(UTC)
    with _customers() as connection:
        contacts = choose_contacts(connection, _MEMBERS, without_title=_TITLE)
        ids = list(contacts)
        change_customers(connection, ids, now, job_title=_TITLE)
        change_customers(connection, ids[:_TOO_LONG], now, job_title=_LONG_TITLE)
        change_customers(connection, ids[-10:], now, opt_in=False)
        entered = enter_campaign(connection, CAMPAIGN, ids, now)
    limited = [contacts[one] for one in ids[_TOO_LONG : _TOO_LONG + _LIMITED]]
    limit = {"keys": limited, "code": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}
    httpx.post(f"{org_url}/__control", json={"refusals": [limit]}, timeout=10)
    return entered


def mend_demo_customers(org_url: str) -> None:
    """Give the customers whose title was too long a shorter one, and let the org take requests again."""
    with _customers() as connection:
        ids = list(choose_contacts(connection, _TOO_LONG, with_title=_LONG_TITLE))
        change_customers(connection, ids, datetime.now(UTC), job_title=_TITLE)
        let_the_pause_pass(connection, datetime.now(UTC))
    httpx.post(f"{org_url}/__control", json={"clear_refusals": True}, timeout=10)


@contextmanager
def _customers() -> Iterator[Any]:
    database = load_block(CustomerDatabase, "customers").open()
    try:
        with database.transaction() as connection:
            yield connection
    finally:
        database.close()
