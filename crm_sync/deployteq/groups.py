"""Groups in Deployteq: who is in one is read as customers are; members are added in bulk and taken out one by one."""

from collections.abc import Sequence

from crm_sync.deployteq.account import ALREADY_DONE, NOT_FOUND, DeployteqAccount
from crm_sync.errors import DeployteqRefusedError
from crm_sync.requests import RequestKind


def add_members(account: DeployteqAccount, group: int, customers: Sequence[int]) -> None:
    """Add customers to a group; who is in it already stays."""
    try:
        members = [{"id": number} for number in customers]
        account.call("group_addMembersInBulk", RequestKind.WRITE, group={"id": group}, customers=members)
    except DeployteqRefusedError as refusal:
        if refusal.code != ALREADY_DONE:
            raise


def remove_member(account: DeployteqAccount, group: int, customer: int) -> None:
    """Take a customer out of a group; one who is gone from it already is out."""
    try:
        account.call("group_removeMember", RequestKind.WRITE, group={"id": group}, customer={"id": customer})
    except DeployteqRefusedError as refusal:
        if refusal.code != NOT_FOUND:
            raise


def group_exists(account: DeployteqAccount, group: int) -> bool:
    """Tell whether there is such a group."""
    try:
        account.call("group_getById", groupId=group)
    except DeployteqRefusedError:
        return False
    return True
