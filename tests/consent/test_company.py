"""The flows against the stand-in org, with merges, conversions, pushes, kills and faults: a no that stands is kept.

As the worlds of `test_property.py`, over HTTP; slower, and closer to what happens.
"""

import random
from pathlib import Path

import pytest

from tests.consent.company import Company
from tests.consent.company_runs import CompanyRuns
from tests.consent.world import Outcome
from tests.rigs.org import start_rig

pytestmark = pytest.mark.flow


def live(folder: Path, url: str, seed: int, worlds: int, rounds: int) -> tuple[Outcome, list[int]]:
    """Let a company live; return what came of it, and who was called a success without Salesforce holding the no."""
    with start_rig(folder, url, people=0) as rig:
        database = rig.customers.open()
        runs = CompanyRuns(Company(rig, database, random.Random(seed), worlds))  # noqa: S311  # dice, no secret
        runs.live(rounds)
        found = runs.outcome()
        database.close()
    return found, runs.told


def test_no_that_stands_is_kept_by_the_flows(tmp_path: Path, sqlite_url: str) -> None:
    found, told = live(tmp_path, sqlite_url, 1, 40, 6)
    assert (found.mailed, found.lacking, told) == ([], [], [])
    assert found.never_at_no, "who said nothing is mailed"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 20))
def test_no_that_stands_is_kept_by_the_flows_in_two_thousand_sequences(
    tmp_path: Path, sqlite_url: str, seed: int
) -> None:
    found, told = live(tmp_path, sqlite_url, seed, 200, 14)
    assert (found.mailed, found.lacking, told) == ([], [], [])
    assert found.again
