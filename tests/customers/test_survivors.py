"""Which record survives does not depend on the order of the records."""

from datetime import UTC, datetime, timedelta
from itertools import permutations, product
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from crm_sync.columns.membership import among
from crm_sync.customers.survivors import Survivors, choose_survivors, in_order
from crm_sync.mapping.model import Precedence

START = datetime(2026, 1, 1, tzinfo=UTC)
CONTACT_FIRST, LATEST = Precedence.CONTACT_FIRST, Precedence.LATEST


def _record(id_: str, *, at: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "sobject": "Contact" if id_.startswith("c") else "Lead",
        "id": id_,
        "unique_key": "ada@x.org",
        "system_modstamp": START + timedelta(minutes=at),
        "is_deleted": False,
        "is_converted": False,
        "reject_reason": None,
    } | changes


def _frame(records: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(records).astype(
        {
            "sobject": "str",
            "id": "str",
            "unique_key": "str",
            "reject_reason": "str",
            "is_deleted": "bool",
            "is_converted": "bool",
        }
    )


def _chosen(records: list[dict[str, Any]], precedence: Precedence = CONTACT_FIRST) -> dict[str, list[str]]:
    frame = _frame(records)
    survivors: Survivors = choose_survivors(frame, precedence)
    return {name: sorted(frame.loc[getattr(survivors, name), "id"]) for name in ("primary", "secondary", "blocked")}


# The survivor, and the record that comes after it.
PAIRS = [
    (_record("c1"), _record("c2", at=9, is_deleted=True)),
    (_record("l1"), _record("c2", at=9, is_deleted=True)),
    (_record("l1"), _record("l2", at=9, is_converted=True)),
    (_record("c1", at=1), _record("c2", at=0)),
    (_record("l1", at=1), _record("l2", at=0)),
    (_record("c2"), _record("c1")),
    (_record("l2"), _record("l1")),
    (_record("l1"), _record("c2", at=9, reject_reason="bad")),
]


def test_order_of_two() -> None:
    for survivor, other in PAIRS:
        for records, precedence in product(permutations([survivor, other]), Precedence):
            assert _chosen([*records], precedence)["primary"] == [survivor["id"]], (records, precedence)


def test_precedence_decides_between_a_contact_and_a_newer_lead() -> None:
    for precedence, survivor in ((CONTACT_FIRST, "c1"), (LATEST, "l1")):
        assert _chosen([_record("l1", at=1), _record("c1")], precedence)["primary"] == [survivor]


def test_converted_lead_comes_last_even_when_it_is_the_latest() -> None:
    assert _chosen([_record("l1", at=9, is_converted=True), _record("c1")], LATEST)["primary"] == ["c1"]


def test_best_record_of_the_other_object_is_the_secondary() -> None:
    records = [_record("c1"), _record("c2", at=1), _record("l1"), _record("l2", at=1), _record("l3", is_deleted=True)]
    assert _chosen(records) == {"primary": ["c2"], "secondary": ["l2"], "blocked": []}


def test_record_of_a_key_without_a_usable_one_is_blocked() -> None:
    records = [_record("c1", reject_reason="bad"), _record("l1", is_deleted=True)]
    assert _chosen(records) == {"primary": [], "secondary": [], "blocked": ["c1"]}


def test_record_that_cannot_be_used_is_not_blocked_beside_a_survivor() -> None:
    assert _chosen([_record("c1", reject_reason="bad"), _record("l1")])["blocked"] == []


def test_record_without_a_key_never_survives() -> None:
    none: dict[str, Any] = {"unique_key": None, "reject_reason": "empty"}
    assert _chosen([_record("c1", **none), _record("l1", **none)]) == {"primary": [], "secondary": [], "blocked": []}


RECORDS = st.lists(
    st.builds(
        _record,
        st.from_regex(r"[cl][0-9]", fullmatch=True),
        at=st.integers(0, 3),
        unique_key=st.sampled_from(["ada@x.org", "bob@x.org", None]),
        is_deleted=st.booleans(),
        is_converted=st.booleans(),
        reject_reason=st.sampled_from([None, None, "bad"]),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda record: record["id"],
)


@given(RECORDS.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))), st.sampled_from(Precedence))
def test_choice_does_not_depend_on_the_order(records: Any, precedence: Precedence) -> None:
    found, turned = records
    assert _chosen(found, precedence) == _chosen(turned, precedence)


@given(RECORDS.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))), st.sampled_from(Precedence))
def test_order_is_total(records: Any, precedence: Precedence) -> None:
    found, turned = (list(in_order(_frame(part), precedence)["id"]) for part in records)
    assert found == turned


@given(RECORDS, st.sampled_from(Precedence))
def test_each_key_has_one_primary_or_none(records: list[dict[str, Any]], precedence: Precedence) -> None:
    chosen = _chosen(records, precedence)
    key_of = {record["id"]: record["unique_key"] for record in records}
    usable = {r["unique_key"] for r in records if r["unique_key"] and not r["is_deleted"] and not r["reject_reason"]}
    assert sorted(key_of[id_] for id_ in chosen["primary"]) == sorted(usable)
    assert {key_of[id_] for id_ in chosen["secondary"]} <= usable
    assert not {key_of[id_] for id_ in chosen["blocked"]} & usable


def test_among_is_false_for_missing_texts() -> None:
    values = pd.Series(["a", None, "b"], dtype="str", index=[5, 6, 7])
    found = among(values, pd.Series(["b", "c"], dtype="str"))
    assert list(found) == [False, False, True]
    assert list(found.index) == [5, 6, 7]
