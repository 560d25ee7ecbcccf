"""The fewest requests for changes that did not fit on the first page."""

from crm_sync.salesforce.read.read_plan import ReadStrategy, Remainder, plan_reads, requests_to_read
from crm_sync.sobject import SObject

PAGES, IDS, BULK = ReadStrategy
LEAD, CONTACT = SObject.LEAD, SObject.CONTACT


def test_one_object_is_read_in_the_fewest_requests() -> None:
    cases = [
        # (rows, rows a page, wanted records, polls): the strategy and its requests
        ((1, 2_000, None, 2), (PAGES, 1)),
        ((2_001, 2_000, None, 2), (PAGES, 2)),
        ((8_000, 2_000, None, 2), (PAGES, 4)),
        # A Bulk job: create, two looks, results.
        ((8_001, 2_000, None, 2), (BULK, 4)),
        ((1_000_000, 2_000, None, 2), (BULK, 8)),
        ((8_000, 2_000, None, 1), (BULK, 3)),
        ((22_000, 2_000, None, 9), (PAGES, 11)),
        # Wide rows make smaller pages.
        ((1_000, 200, None, 2), (BULK, 4)),
        # Records that can be named, 10,000 with a request.
        ((2_000, 2_000, 20_000, 2), (PAGES, 1)),
        ((98_000, 2_000, 20_000, 2), (IDS, 2)),
        ((98_000, 2_000, 100_000, 2), (BULK, 4)),
    ]
    for (rows, page, wanted, polls), expected in cases:
        plan = plan_reads([Remainder(CONTACT, rows, page, wanted)], polls=polls)
        assert (plan.strategies[CONTACT], plan.requests) == expected, (rows, page, wanted, polls)


def test_two_objects_share_requests() -> None:
    cases = [
        # The further pages of both are asked for together.
        ((2_000, 2_000), (PAGES, PAGES), 1),
        ((2_000, 8_000), (PAGES, PAGES), 4),
        ((1_000, 200_000), (PAGES, BULK), 5),
        ((200_000, 200_000), (BULK, BULK), 8),
    ]
    for (leads, contacts), strategies, requests in cases:
        plan = plan_reads([Remainder(LEAD, leads), Remainder(CONTACT, contacts)])
        assert (tuple(plan.strategies.values()), plan.requests) == (strategies, requests), (leads, contacts)


def test_forecast_of_a_conflict_check_knows_what_pushes_have_changed() -> None:
    cases = [
        ({CONTACT: 10_000}, 100_000, 1),
        ({CONTACT: 4_000, LEAD: 4_000}, 100_000, 1),
        ({CONTACT: 100_000}, 0, 1),
        ({CONTACT: 100_000}, 2_000, 1),
        ({CONTACT: 100_000}, 6_000, 3),
        ({CONTACT: 100_000}, 100_000, 1 + 4),
        ({CONTACT: 20_000}, 100_000, 1 + 2),
        ({CONTACT: 100_000, LEAD: 100}, 2_000, 1),
    ]
    for wanted, changed, requests in cases:
        assert requests_to_read(wanted, {CONTACT: changed, LEAD: changed}.__getitem__) == requests, (wanted, changed)
