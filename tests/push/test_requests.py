"""How many requests a push takes: none for what Salesforce is known to have, and as few as can be for all else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from crm_sync.database.tables.customers import watermark
from tests.rigs.org import Rig
from tests.rigs.pushes import Pushes, start_pushes

pytestmark = pytest.mark.flow


@pytest.fixture
def pushes(tmp_path: Path, sqlite_url: str) -> Iterator[Pushes]:
    """Give a synced org."""
    with start_pushes(tmp_path, sqlite_url, Rig.sync) as started:
        yield started


@pytest.fixture
def both_pushes(tmp_path: Path, database_url: str) -> Iterator[Pushes]:
    """Give the same, once with SQLite and once with PostgreSQL."""
    with start_pushes(tmp_path, database_url, Rig.sync) as started:
        yield started


def test_repeat_sends_nothing_and_asks_nothing(both_pushes: Pushes) -> None:
    ids = both_pushes.enter_changed(3)
    both_pushes.push()
    both_pushes.enter(ids)

    result = both_pushes.push()

    assert result.success == set(ids)
    assert result.written == 0
    assert result.requests_used == 0
    assert both_pushes.rig.requests() == []


def test_push_of_up_to_1000_takes_a_look_and_a_write(pushes: Pushes) -> None:
    pushes.enter_changed(200, job_title="Pilot")

    result = pushes.push()

    assert result.requests_used == 2
    assert pushes.rig.requests() == ["composite", "composite"]
    # Of those who stand at no it is always asked whether Salesforce still holds that.
    mailed = [row["id"] for row in pushes.people() if row["opt_in"]][:150]
    for title, trusted in (("Captain", {"customer_wins": True}), ("Admiral", {"trust_pull_minutes": 60})):
        pushes.change(mailed, job_title=title)
        pushes.enter(mailed)
        assert pushes.push(**trusted).requests_used == 1


def test_fields_are_asked_for_once_and_only_when_no_pull_has_kept_their_types(pushes: Pushes) -> None:
    pushes.execute(update(watermark).values(field_types={}))
    same = pushes.people()[1]["id"]
    pushes.enter([same])
    assert pushes.push().success == {same}
    ids = pushes.enter_changed(1)
    assert pushes.push().success == set(ids)
    assert pushes.rig.requests() == ["describe", "composite", "composite"]


def test_always_send_writes_what_is_the_same(pushes: Pushes) -> None:
    number = pushes.people()[0]["id"]
    pushes.enter([number])
    assert pushes.push(always_send=True).written == 1


def test_empty_queue_is_no_failure(pushes: Pushes) -> None:
    pushes.enter_changed(1)
    pushes.push()
    result = pushes.push()
    assert (result.state, len(result.continued), result.requests_used) == ("Completed", 0, 0)
