"""A push calls nobody a success whose opt-out Salesforce holds no longer, whatever its settings trust."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crm_sync.push.advice import OPT_OUT_GONE
from tests.rigs.org import Rig
from tests.rigs.pushes import Pushes, start_pushes

pytestmark = pytest.mark.flow


def _ready(rig: Rig) -> None:
    """Let some people have said no here, which Salesforce holds and a pull has read."""
    rig.sync()
    opted_in = [row["id"] for row in Pushes(rig).people() if row["opt_in"]]
    Pushes(rig).change(opted_in[:8], opt_in=False)
    rig.pull()
    rig.clock.move(minutes=30)
    rig.pull()


@pytest.fixture
def pushes(tmp_path: Path, database_url: str) -> Iterator[Pushes]:
    """Give an org with people at no, once with SQLite and once with PostgreSQL."""
    with start_pushes(tmp_path, database_url, _ready) as started:
        yield started


def at(pushes: Pushes, *, opt_in: bool, number: int) -> list[int]:
    """Return customers at no, or at yes."""
    return [row["id"] for row in pushes.people() if row["opt_in"] is opt_in and row["opt_in_set"] is opt_in][:number]


@pytest.mark.both
@pytest.mark.parametrize(
    "settings",
    [{}, {"trust_pull_minutes": 60}, {"customer_wins": True, "always_send": True}],
    ids=["", "trust", "wins"],
)
def test_success_is_only_who_salesforce_holds_the_no_of(pushes: Pushes, settings: dict[str, Any]) -> None:
    unticked, cleared, unticked_too, cleared_too, held, held_too = at(pushes, opt_in=False, number=6)
    (mailed,) = at(pushes, opt_in=True, number=1)
    records = pushes.rig.org.records
    for one in (unticked, unticked_too):
        records.update("Contact", pushes.customer(one)["salesforce_id"], {"HasOptedOutOfEmail": False})
    for one in (cleared, cleared_too):
        records.update("Contact", pushes.customer(one)["salesforce_id"], {"Email": None})
    # The others have nothing to send but their no.
    pushes.change([unticked, cleared, held, mailed], job_title="Navigator")
    pushes.enter([unticked, cleared, unticked_too, cleared_too, held, held_too, mailed])

    result = pushes.push(fields=["Title", "HasOptedOutOfEmail"], **settings)

    assert result.success == {held, held_too, mailed}
    assert result.error == {unticked, cleared, unticked_too, cleared_too}
    assert [cause.code for cause in result.causes] == [OPT_OUT_GONE]
    # What else there was to send went, and the yes of the user is left to the pull, which judges it.
    assert [pushes.record(one)["Title"] for one in (unticked, cleared, held)] == ["Navigator"] * 3
    assert not pushes.record(unticked)["HasOptedOutOfEmail"]
    pushes.rig.clock.move(minutes=30)
    pushes.rig.pull()
    assert pushes.customer(unticked)["opt_in"] is True
    assert pushes.retry("error", fields=["Title"], **settings).success == {unticked, unticked_too}


def test_who_stands_at_no_costs_one_request_for_all_and_who_does_not_none(pushes: Pushes) -> None:
    noes, yeses = at(pushes, opt_in=False, number=5), at(pushes, opt_in=True, number=5)
    pushes.enter([*noes, *yeses])
    assert (pushes.push(trust_pull_minutes=60).requests_used, pushes.rig.requests()) == (1, ["composite"])
    pushes.change([*noes, *yeses], job_title="Navigator")
    pushes.enter([*noes, *yeses])
    assert pushes.push().requests_used == 2, "the look before sending asks for both"
    pushes.enter(yeses)
    assert pushes.push().requests_used == 0
