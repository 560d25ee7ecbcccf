"""The fewest requests for what did not fit on the first page."""

import pytest

from crm_sync.pull.read_plan import Rest, Way, plan_reads
from crm_sync.sobject import SObject

PAGE = 2000


@pytest.mark.parametrize(
    ("rows", "way", "requests"),
    [
        (1, Way.FOLLOW, 1),
        (2_000, Way.FOLLOW, 1),
        # Two pages one after the other, or two ranges at once.
        (2_001, Way.RANGES, 1),
        (8_000, Way.RANGES, 1),
        (8_001, Way.RANGES, 2),
        (24_000, Way.RANGES, 3),
        # Four requests of five ranges each, or a Bulk job: create, two looks, results.
        (32_000, Way.RANGES, 4),
        (32_001, Way.BULK, 4),
        (1_000_000, Way.BULK, 4),
    ],
)
def test_one_object(rows: int, way: Way, requests: int) -> None:
    plan = plan_reads([Rest(SObject.CONTACT, rows, PAGE)])

    assert (plan.ways, plan.requests) == ({SObject.CONTACT: way}, requests)


@pytest.mark.parametrize(
    ("leads", "contacts", "ways", "requests"),
    [
        # The second pages of both share a request.
        (2_000, 2_000, (Way.FOLLOW, Way.FOLLOW), 1),
        (2_000, 4_000, (Way.FOLLOW, Way.RANGES), 1),
        (4_000, 6_400, (Way.FOLLOW, Way.RANGES), 2),
        (1_000, 200_000, (Way.FOLLOW, Way.BULK), 5),
        (200_000, 200_000, (Way.BULK, Way.BULK), 8),
    ],
)
def test_two_objects_share_requests(leads: int, contacts: int, ways: tuple[Way, Way], requests: int) -> None:
    plan = plan_reads([Rest(SObject.LEAD, leads, PAGE), Rest(SObject.CONTACT, contacts, PAGE)])

    assert (tuple(plan.ways.values()), plan.requests) == (ways, requests)


@pytest.mark.parametrize(("polls", "way"), [(1, Way.BULK), (9, Way.RANGES)])
def test_slow_bulk_jobs_move_the_break_even(polls: int, way: Way) -> None:
    plan = plan_reads([Rest(SObject.LEAD, 30_000, PAGE)], polls=polls)

    assert plan.ways == {SObject.LEAD: way}


def test_wide_rows_make_smaller_pages() -> None:
    assert plan_reads([Rest(SObject.LEAD, 2_000, 200)]).ways == {SObject.LEAD: Way.RANGES}
    assert plan_reads([Rest(SObject.LEAD, 20_000, 200)]).ways == {SObject.LEAD: Way.BULK}
