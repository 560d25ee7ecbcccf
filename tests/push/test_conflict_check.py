"""How Salesforce is asked what it has changed, in the fewest requests."""

from datetime import UTC, datetime

import pytest

from crm_sync.push.conflict_check import ConflictStrategy, Question, choose_way, requests_to_look
from crm_sync.salesforce.read.composite import Page
from crm_sync.sobject import SObject

PULLED = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def question(records: int, pulled_until: datetime | None = PULLED) -> Question:
    """Ask about so many contacts."""
    ids = [f"003{number:015d}" for number in range(records)]
    return Question(SObject.CONTACT, ids, {"Title": "string"}, pulled_until)


def test_up_to_10000_records_are_named_in_one_request() -> None:
    assert question(10_000).is_asked_by_ids_at_once
    assert len(question(10_000).by_ids()) == 5
    assert not question(10_001).is_asked_by_ids_at_once


def test_queries_begin_a_little_before_the_pull() -> None:
    assert "SystemModstamp >= 2026-05-01T11:50:00" in question(1).by_time()
    assert "SystemModstamp" not in question(1, None).by_ids()[0].partition("WHERE")[2]


@pytest.mark.parametrize(
    ("changed", "way"),
    [
        (0, ConflictStrategy.PAGES),
        (2_000, ConflictStrategy.PAGES),
        (8_000, ConflictStrategy.PAGES),
        (100_000, ConflictStrategy.BULK),
    ],
)
def test_large_push_goes_on_in_the_cheapest_way(changed: int, way: ConflictStrategy) -> None:
    first = Page([{"Id": "003000000000000001"}] * min(changed, 2_000), changed, None)
    assert choose_way(first, question(100_000)) is way


def test_records_are_named_when_that_takes_fewest_or_no_pull_was_made() -> None:
    first = Page([{"Id": "003000000000000001"}] * 2_000, 100_000, None)
    assert choose_way(first, question(20_000)) is ConflictStrategy.IDS
    assert choose_way(None, question(100_000, None)) is ConflictStrategy.IDS


def test_answer_holds_only_what_was_asked_for() -> None:
    asked = question(2)
    rows = [
        {"Id": one, "Title": "x", "SystemModstamp": "2026-05-01T12:00:00.000+0000"} for one in [*asked.ids, "other"]
    ]
    assert asked.read([Page(rows, 3, None)]).index.tolist() == asked.ids
    assert asked.nothing().empty


@pytest.mark.parametrize(
    ("records", "changed", "requests"),
    [
        ({SObject.CONTACT: 10_000}, 100_000, 1),
        ({SObject.CONTACT: 4_000, SObject.LEAD: 4_000}, 100_000, 1),
        ({SObject.CONTACT: 100_000}, 0, 1),
        ({SObject.CONTACT: 100_000}, 2_000, 1),
        ({SObject.CONTACT: 100_000}, 6_000, 3),
        ({SObject.CONTACT: 100_000}, 100_000, 1 + 4),
        ({SObject.CONTACT: 20_000}, 100_000, 1 + 2),
        ({SObject.CONTACT: 100_000, SObject.LEAD: 100}, 2_000, 2),
    ],
)
def test_forecast_of_a_look_knows_what_pushes_have_changed(
    records: dict[SObject, int], changed: int, requests: int
) -> None:
    assert requests_to_look(records, lambda _: changed) == requests
