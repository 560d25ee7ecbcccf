"""Both sides alive, with faults at random moments: nobody is lost, doubled, or mailed against a no."""

from datetime import timedelta
from random import Random

import pytest

from crm_sync.errors import RetriableError
from standins.deployteq.faults import Trouble
from standins.deployteq.people import mailable
from tests.deployteq.rig import Rig

_ACTIONS = ["reset", "reset after", "truncate", "html", "status"]


@pytest.mark.deeper
def test_a_no_stands_on_both_sides_whatever_fails(rig: Rig, is_long_run: bool) -> None:
    dice = Random(20261126)  # noqa: S311 - dice, no secret
    people = [rig.add(f"p{number}") for number in range(12)]
    rig.start()
    noes: set[int] = set()
    for turn in range(200 if is_long_run else 25):
        rig.people.tick()
        person = dice.choice(people)
        match dice.randrange(5):
            case 0:
                rig.readers.unsubscribe(rig.there(person)["id"])
                noes.add(person)
            case 1:
                rig.say_no_in_salesforce(person)
                noes.add(person)
            case 2:
                rig.change(person, lastname=f"Here {turn}")
            case 3:
                rig.readers.change(rig.there(person)["id"], city=f"There {turn}")
            case _ if len(people) < 30:
                people.append(rig.add(f"n{turn}"))
        if dice.random() < 0.4:
            rig.brand.troubles.add(Trouble(dice.choice(_ACTIONS)))
        try:
            rig.cycle()
        except RetriableError:
            continue
    rig.brand.troubles.waiting.clear()
    for _ in range(2):
        rig.people.now += timedelta(hours=2)
        rig.cycle()
    assert len(rig.brand.customers) == len(people)
    for person in people:
        here, there = rig.here(person), rig.there(person)
        assert (here["lastname"], here["city"] or "") == (there["lastname"], there["city"])
        assert here["opt_in"] is (person not in noes)
        assert mailable(there) is (person not in noes)
