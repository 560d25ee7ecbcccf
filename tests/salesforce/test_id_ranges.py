"""Ranges of Ids: together they hold every Id behind the first page, each once."""

from crm_sync.salesforce.id_ranges import as_ranges, cuts_by_density


def id_ranges(first: str, last: str, seen: int, *, ranges: int, rows_each: float) -> list[tuple[str, str | None]]:
    """Return the ranges behind a page, by its density."""
    return as_ranges(last, cuts_by_density(first, last, seen, ranges=ranges, rows_each=rows_each))


def test_ranges_follow_each_other_and_the_last_is_open() -> None:
    ranges = id_ranges("003000000000001AAA", "00300000000000ZAAA", 35, ranges=4, rows_each=35)

    assert ranges[0][0] == "00300000000000ZAAA"
    assert ranges[-1][1] is None
    assert [up_to for _, up_to in ranges[:-1]] == [after for after, _ in ranges[1:]]
    bounds = [after[:15] for after, _ in ranges]
    assert bounds == sorted(set(bounds))


def test_ranges_are_as_dense_as_the_first_page() -> None:
    """Ids with digits 1 to z are 61 records apart by one; ten of them reach 10 further."""
    ranges = id_ranges("003000000000001AAA", "00300000000000zAAA", 61, ranges=3, rows_each=10)

    assert [up_to for _, up_to in ranges] == ["003000000000019", "00300000000001J", None]


def test_single_record_still_gives_ranges() -> None:
    assert len(id_ranges("003000000000001AAA", "003000000000001AAA", 1, ranges=2, rows_each=1600)) == 2


def test_end_of_all_ids_is_not_passed() -> None:
    ranges = id_ranges("003000000000000AAA", "003zzzzzzzzzzzyAAA", 2, ranges=5, rows_each=2000)

    assert ranges == [("003zzzzzzzzzzzyAAA", None)]
