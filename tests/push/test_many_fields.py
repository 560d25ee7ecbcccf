"""A step that sends three hundred fields of each customer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.many_fields import MANY, map_many_fields
from tests.rigs.org import start_rig
from tests.rigs.pushes import Pushes

pytestmark = pytest.mark.flow


@pytest.fixture
def pushes(tmp_path: Path, database_url: str) -> Iterator[Pushes]:
    """Give a synced org with so many fields."""
    with start_rig(tmp_path, database_url, people=20) as rig:
        map_many_fields(rig)
        rig.sync()
        yield Pushes(rig, fields=["Title", *MANY])


def test_three_hundred_fields_are_pushed_compared_and_come_back_as_they_are(pushes: Pushes) -> None:
    one, other, locked = pushes.enter_changed(3)
    texts = [f'value {number}, née "X"' for number in range(len(MANY))]
    for customer in (one, other):
        pushes.change_options(customer, **{f"option_{number}": text for number, text in enumerate(texts)})
    pushes.rig.org.records.update("Contact", pushes.record(other)["Id"], {MANY[7]: "theirs", MANY[8]: texts[8]})
    pushes.change_options(locked, option_299="x" * 256)

    result = pushes.push()

    assert result.success == {one}
    assert result.error == {other, locked}
    assert (result.written, result.newer, result.partly) == (3, 1, 2)
    sent, compared, refused = (pushes.record(customer) for customer in (one, other, locked))
    assert [sent[name] for name in MANY] == texts
    assert [compared[name] for name in MANY] == [*texts[:7], "theirs", *texts[8:]]
    assert (refused["Title"], refused[MANY[299]]) == ("Navigator", None)
    pushes.enter([one])
    assert pushes.push().written == 0
    assert pushes.rig.pull(approve_changes=True).state in {"Completed", "CompletedWithRejects"}
    assert pushes.customer(one)["options"]["option 299"] == texts[299]
    assert pushes.customer(other)["options"]["option 7"] == "theirs"
    assert pushes.rig.sync().total.written == 0
