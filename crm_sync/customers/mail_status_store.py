"""The mail status of customers who are joined to another one or deleted in Salesforce: not mailed for as long as that.

The marketer's own status is kept meanwhile, and comes back with the customer.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, null

from crm_sync.database.tables.customers import customer

INACTIVE = "INACTIVE"
MAIL_STATUS = ("mail_status", "mail_status_before")
# Stands for a customer who had no status; `mail_status_before` is empty where nothing is kept.
_NONE = ""


def not_mailed() -> dict[str, ColumnElement[Any] | str]:
    """Return the new values of a customer who is not to be mailed from now on."""
    own = customer.c.mail_status_before
    return {
        "mail_status": INACTIVE,
        "mail_status_before": case((own.is_(None), func.coalesce(customer.c.mail_status, _NONE)), else_=own),
    }


def not_mailed_for_good() -> dict[str, ColumnElement[Any] | str]:
    """Return the new values of a customer who is not to be mailed, also when it is there again."""
    before = customer.c.mail_status_before
    return {"mail_status": INACTIVE, "mail_status_before": case((before.is_not(None), INACTIVE), else_=before)}


def mail_status_again() -> dict[str, ColumnElement[Any]]:
    """Return the values of a customer who is there again; a status that was set meanwhile stays."""
    kept = customer.c.mail_status_before
    comes_back = and_(kept.is_not(None), customer.c.mail_status == INACTIVE)
    return {
        "mail_status": case((comes_back, func.nullif(kept, _NONE)), else_=customer.c.mail_status),
        "mail_status_before": null(),
    }


def mail_status_unless_joined() -> dict[str, ColumnElement[Any]]:
    """Return the values of a customer who is there again, but for one that is still joined to another."""
    is_joined = customer.c.merged_into_customer_id.is_not(None)
    return {name: case((is_joined, customer.c[name]), else_=again) for name, again in mail_status_again().items()}


def mail_status_if(is_joined: ColumnElement[bool]) -> dict[str, ColumnElement[Any]]:
    """Return the values of a customer who is not mailed where the condition holds, and is there again elsewhere."""
    stopped, again = not_mailed(), mail_status_again()
    return {name: case((is_joined, stopped[name]), else_=again[name]) for name in MAIL_STATUS}
