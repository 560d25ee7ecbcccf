"""Deletes the customers of one person in Deployteq: but for test customers, no others are ever deleted there."""

from collections.abc import Iterable

from crm_sync.deployteq.account import NOT_FOUND, DeployteqAccount
from crm_sync.deployteq.customers import delete_one
from crm_sync.errors import DeployteqRefusedError


def delete_there(account: DeployteqAccount, numbers: Iterable[int]) -> None:
    """Delete customers by their id; one that is gone already is deleted."""
    for number in numbers:
        try:
            delete_one(account, number)
        except DeployteqRefusedError as refusal:
            if refusal.code != NOT_FOUND:
                raise
