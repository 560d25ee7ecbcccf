"""The way of writing with the fewest requests, at and around the points where it changes."""

from crm_sync.salesforce.write.plan import WriteLoad, WriteWay, plan_writes

COLLECTIONS, BULK, INLINE = WriteWay.COLLECTIONS, WriteWay.BULK, WriteWay.BULK_INLINE


def update(records: int, sobject: str = "Lead", csv_bytes: int | None = None) -> WriteLoad:
    """Return updates of one sObject."""
    return WriteLoad(sobject, records, is_upsert=False, csv_bytes=csv_bytes)


def upsert(records: int, sobject: str = "Lead", csv_bytes: int | None = None) -> WriteLoad:
    """Return upserts of one sObject."""
    return WriteLoad(sobject, records, is_upsert=True, csv_bytes=csv_bytes)


def test_one_object_goes_by_bulk_from_where_that_is_fewer() -> None:
    for make in (update, upsert):
        for records, way, requests in (
            (0, COLLECTIONS, 0),
            (1, COLLECTIONS, 1),
            (200, COLLECTIONS, 1),
            (201, COLLECTIONS, 1),
            (1_000, COLLECTIONS, 1),
            (1_001, COLLECTIONS, 2),
            (2_000, COLLECTIONS, 2),
            (4_000, COLLECTIONS, 4),
            (5_000, COLLECTIONS, 5),
            (5_001, BULK, 5),
            (10_000, BULK, 5),
            (100_000, BULK, 5),
        ):
            plan = plan_writes([make(records)])
            assert (plan.ways["Lead"], plan.requests) == (way, requests), records


def test_the_length_of_the_csv_decides_how_a_job_gets_it() -> None:
    for records, csv_bytes, way, requests in (
        (3_000, 100_000, COLLECTIONS, 3),
        (3_001, 100_000, INLINE, 3),
        (4_000, 100_000, INLINE, 3),
        (4_000, 100_001, COLLECTIONS, 4),
        (1_000, 28_000, COLLECTIONS, 1),
        (400_000, 150_000_000, BULK, 10),
    ):
        plan = plan_writes([update(records, csv_bytes=csv_bytes)])
        assert (plan.ways["Lead"], plan.requests) == (way, requests), (records, csv_bytes)


def test_more_polls_move_the_point_where_bulk_is_fewer() -> None:
    for polls, last in ((1, 5_000), (3, 7_000)):
        ways = [plan_writes([update(records)], polls=polls).ways["Lead"] for records in (last, last + 1)]
        assert ways == [COLLECTIONS, BULK]


def test_a_way_is_chosen_for_each_object_and_small_ones_share_requests() -> None:
    for leads, contacts, ways, requests in (
        (950, 50, (COLLECTIONS, COLLECTIONS), 1),
        (5_000, 5_000, (COLLECTIONS, COLLECTIONS), 10),
        (90_000, 300, (BULK, COLLECTIONS), 6),
        (50_000, 50_000, (BULK, BULK), 10),
    ):
        plan = plan_writes([update(leads), update(contacts, "Contact")])
        assert (tuple(plan.ways.values()), plan.requests) == (ways, requests), (leads, contacts)


def test_upserts_of_two_objects_do_not_share_a_collection() -> None:
    assert plan_writes([upsert(950), upsert(50, "Contact")]).requests == 2
    assert plan_writes([upsert(800), upsert(200, "Contact")]).requests == 1


def test_the_promised_requests_are_kept_with_both_objects_and_two_polls() -> None:
    for make in (update, upsert):
        for records, most in ((1_000, 1), (10_000, 10), (100_000, 12)):
            for leads in range(0, records + 1, 200):
                plan = plan_writes([make(leads), make(records - leads, "Contact")], polls=2)
                assert plan.requests <= most, (records, leads)
