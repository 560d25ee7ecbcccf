"""Keeps customers that were joined to another one here in a group in Deployteq, for the people who work there."""

from crm_sync.deployteq.account import NOT_FOUND
from crm_sync.deployteq.groups import add_members, group_exists, remove_member
from crm_sync.errors import DeployteqRefusedError
from crm_sync.exchange.candidates_store import note_deleted_there
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.joined_store import note_grouped, read_to_group
from crm_sync.exchange.outcome import Delivered
from crm_sync.exchange.records import parts


def group_joined(exchange: Exchange, delivered: Delivered) -> None:
    """Put customers that were joined into their group, and take out those who are on their own again."""
    group = exchange.settings.joined_group
    if not group:
        return
    with exchange.database.transaction() as connection:
        new, old = read_to_group(connection, exchange.brand)
    if (new or old) and not group_exists(exchange.account, group):
        delivered.problems.add(f"Deployteq has no group {group}; correct the group of joined customers in the block.")
        return
    for part in parts(new, exchange.settings.batch):
        delivered.grouped += _add(exchange, group, part)
    for number in old:
        remove_member(exchange.account, group, number)
        with exchange.database.transaction() as connection:
            note_grouped(connection, exchange.brand, [number], None)


def _add(exchange: Exchange, group: int, numbers: list[int]) -> int:
    """Add customers, and return how many; where one is gone from Deployteq, each by itself."""
    try:
        add_members(exchange.account, group, numbers)
    except DeployteqRefusedError as refusal:
        if refusal.code != NOT_FOUND:
            raise
        if len(numbers) > 1:
            return sum(_add(exchange, group, [one]) for one in numbers)
        with exchange.database.transaction() as connection:
            note_deleted_there(connection, exchange.brand, numbers[0], exchange.clock())
        return 0
    with exchange.database.transaction() as connection:
        note_grouped(connection, exchange.brand, numbers, exchange.clock())
    return len(numbers)
