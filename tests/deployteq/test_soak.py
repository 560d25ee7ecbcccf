"""Both sides alive, with faults and kills at random moments: nobody is lost, doubled, or mailed against a no."""

from datetime import timedelta
from random import Random

import pytest

from crm_sync.errors import RetriableError
from standins.deployteq.faults import Trouble
from tests.deployteq.rig import Rig
from tests.deployteq.world import World, cycle_and_die

_ACTIONS = ["reset", "reset after", "truncate", "html", "status"]


def _settle(world: World) -> None:
    """Let what is left be done, also what an hourly sweep finds."""
    world.rig.brand.troubles.waiting.clear()
    for _ in range(3):
        world.rig.wait(hours=2)
        world.cycle()


@pytest.mark.deeper
@pytest.mark.parametrize("seed", [20261126, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3))])
def test_both_sides_end_as_reckoned_whatever_fails(rig: Rig, is_long_run: bool, seed: int) -> None:
    world = World(rig, Random(seed))  # noqa: S311 - dice, no secret
    world.begin(12)
    for turn in range(200 if is_long_run else 20):
        for _ in range(world.dice.randrange(3)):
            world.act(turn)
        if world.dice.random() < 0.4:
            rig.brand.troubles.add(Trouble(world.dice.choice(_ACTIONS)))
        if turn % 50 == 49:
            rig.wait(days=4)
        try:
            world.cycle()
        except RetriableError:
            world.reckon_mails(is_whole=False)
    _settle(world)
    world.reckon()


# A connection that a kill leaves open ends with its process; here Python finds it, and warns.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.sample(6)
@pytest.mark.parametrize("seed", range(50))
def test_a_run_that_is_killed_at_any_instant_leaves_nothing_that_the_next_does_not_do(rig: Rig, seed: int) -> None:
    world = World(rig, Random(seed))  # noqa: S311 - dice, no secret
    world.begin(4)
    rig.wait(days=world.dice.choice([0, 8]))
    kills = 0
    for turn in range(20):
        for part in range(3):
            world.act(10 * turn + part)
        kills += cycle_and_die(world)
        world.reckon_mails(is_whole=False)
        if kills:
            break
    assert kills
    rig.people.now += timedelta(days=1)  # after which a result that the killed run held is freed
    _settle(world)
    world.reckon()
