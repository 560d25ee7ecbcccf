"""In whatever order people, users and runs act, with kills, refusals and lost answers: a no that stands is kept."""

import random

import pytest

from crm_sync.columns.address_hash import KEY_BYTES
from crm_sync.database.engine import CustomerDatabase
from tests.consent.world import Worlds


def _faults(url: str, seed: int, worlds: int, rounds: int, *, looks: bool = True) -> tuple[list[str], list[str], int]:
    """Live through some worlds; return who is mailed in spite of a no, of whom Salesforce was not told, and how many
    may be mailed."""
    database = CustomerDatabase(url, b"k" * KEY_BYTES)
    with database.transaction() as connection:
        lived = Worlds(connection, random.Random(seed), worlds, looks=looks)  # noqa: S311
        lived.live(rounds)
        found = lived.mailed_in_spite(), lived.not_told(), lived.mailable()
        connection.rollback()
    database.close()
    return found


def test_no_that_stands_is_kept(sqlite_url: str) -> None:
    mailed, not_told, mailable = _faults(sqlite_url, 1, 40, 8)
    assert (mailed, not_told) == ([], [])
    assert mailable, "who said nothing is mailed"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 20))
def test_no_that_stands_is_kept_in_two_thousand_sequences(sqlite_url: str, seed: int) -> None:
    mailed, not_told, _ = _faults(sqlite_url, seed, 200, 14)
    assert (mailed, not_told) == ([], [])


@pytest.mark.long
def test_without_a_look_before_writing_noes_are_lost(sqlite_url: str) -> None:
    mailed, not_told, _ = _faults(sqlite_url, 10, 120, 14, looks=False)
    assert mailed or not_told, "else the property above would prove nothing"
