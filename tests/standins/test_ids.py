"""Ids: the checksum is pinned to Ids of recorded orgs."""

import pytest

from standins.salesforce.ids import full_id, make_id


@pytest.mark.parametrize(
    "known", ["750Tn000004ZoR3IAK", "0050900000Bf63SAAR", "005i0000002MUqLAAW", "00Di0000000icUBEAY"]
)
def test_checksum_is_that_of_recorded_ids(known: str) -> None:
    assert full_id(known[:15]) == known


def test_made_ids_are_whole_and_in_order() -> None:
    made = [make_id("003", number) for number in range(1, 4000)]
    assert made == sorted(set(made))
    assert all(full_id(one) == one for one in made)


@pytest.mark.parametrize("wrong", ["", "003", "003Qy0000000001IAB", "003Qy000000000é", "003Qy0000000001IA"])
def test_what_is_no_id_is_none(wrong: str) -> None:
    assert full_id(wrong) is None
