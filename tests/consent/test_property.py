"""In whatever order people, users and runs act, with kills, refusals and lost answers: a no that stands is kept."""

import random

import pytest

from crm_sync.columns.address_hash import KEY_BYTES
from crm_sync.database.engine import CustomerDatabase
from tests.consent.world import Outcome, Part, Worlds


def outcome(url: str, seed: int, worlds: int, rounds: int, without: Part | None = None) -> Outcome:
    """Live through some worlds and return what came of it."""
    database = CustomerDatabase(url, b"k" * KEY_BYTES)
    with database.transaction() as connection:
        lived = Worlds(connection, random.Random(seed), worlds, frozenset([without] if without else []))  # noqa: S311
        lived.live(rounds)
        found = lived.outcome()
        connection.rollback()
    database.close()
    return found


def test_no_that_stands_is_kept(sqlite_url: str) -> None:
    found = outcome(sqlite_url, 1, 40, 8)
    assert (found.mailed, found.lacking) == ([], [])
    assert found.never_at_no, "who said nothing is mailed"
    assert found.again, "and so is who took the no back"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 20))
def test_no_that_stands_is_kept_in_two_thousand_sequences(sqlite_url: str, seed: int) -> None:
    found = outcome(sqlite_url, seed, 200, 14)
    assert (found.mailed, found.lacking) == ([], [])
    assert found.again


@pytest.mark.long
@pytest.mark.parametrize("part", Part)
def test_without_a_part_of_the_rule_noes_are_lost(sqlite_url: str, part: Part) -> None:
    some = (outcome(sqlite_url, seed, 200, 14, part) for seed in range(10, 14))
    assert any(found.mailed or found.lacking for found in some), "else the property above would prove nothing"
