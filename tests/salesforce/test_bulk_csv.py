"""Results read from disk keep every row and every character."""

import csv
import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_sync.errors import SalesforceUnavailableError
from crm_sync.salesforce.read.bulk_csv import read_batches

NAMES = ["Id", "LastName", "Account.Name"]


def write(path: Path, rows: list[list[str]], names: list[str] = NAMES) -> Path:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([names, *rows])
    path.write_bytes(text.getvalue().encode())
    return path


def rows_of(frames: list[pd.DataFrame]) -> list[list[str]]:
    return [
        ["" if pd.isna(value) else str(value) for value in row]
        for frame in frames
        for row in frame.itertuples(index=False)
    ]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Return where a page goes."""
    return tmp_path / "page.csv"


def test_words_that_look_missing_stay_and_empty_is_missing(page: Path) -> None:
    words = ["NA", "None", "NULL", "nan", "null", "#N/A", "true", "007", "1e5", " "]
    (frame,) = read_batches(write(page, [[word, word, ""] for word in words]))
    assert frame["LastName"].tolist() == words
    assert frame["Account.Name"].isna().all()


def test_every_column_is_arrow_backed_text(page: Path) -> None:
    (frame,) = read_batches(write(page, [["1", "", "2026-11-23"]]))
    assert {str(dtype) for dtype in frame.dtypes} == {"str"}
    assert all(getattr(dtype, "storage", "") == "pyarrow" for dtype in frame.dtypes)


def test_quoted_line_ends_quotes_and_unicode_survive(page: Path) -> None:
    rows = [["1", 'O\'Neill, née "X"\nline\r\nline', "日本 🎉 a\u0301\u2028x"], ["2", "\n", ",;'"]]
    assert rows_of(list(read_batches(write(page, rows)))) == rows


def test_names_are_those_asked_for_whatever_the_case(page: Path) -> None:
    (frame,) = read_batches(write(page, [["1", "a", "b"]], ["ID", "lastname", "Account.NAME"]), columns=NAMES)
    assert list(frame.columns) == NAMES


def test_other_columns_than_asked_for_are_refused(page: Path) -> None:
    for names in (["Id", "LastName"], ["Id", "LastName", "Other"], [*NAMES, "Other"]):
        with pytest.raises(SalesforceUnavailableError):
            list(read_batches(write(page, [["x"] * len(names)], names), columns=NAMES))


def test_asked_columns_in_another_order_keep_their_values(page: Path) -> None:
    (frame,) = read_batches(write(page, [["a", "1", "b"]], ["LastName", "Id", "Account.Name"]), columns=NAMES)
    assert frame["Id"].tolist() == ["1"]


def test_rows_done_before_are_left_out_even_with_line_ends_in_them(page: Path) -> None:
    rows = [[str(number), "a\nb\n", "x"] for number in range(50)]
    write(page, rows)
    for skip in (0, 1, 7, 49):
        frames = list(read_batches(page, skip_rows=skip, expected_rows=50, block_bytes=64))
        assert rows_of(frames) == rows[skip:]
    assert list(read_batches(page, skip_rows=50, expected_rows=50)) == []


def test_no_frame_has_more_rows_than_may_be_mapped_at_once(page: Path) -> None:
    rows = [[str(number), "a", "b"] for number in range(50)]
    write(page, rows)
    for skip in (0, 3, 10, 49):
        frames = list(read_batches(page, skip_rows=skip, expected_rows=50, block_bytes=200, most_rows=7))
        assert rows_of(frames) == rows[skip:]
        assert max(len(frame) for frame in frames) <= 7


def test_row_wider_than_a_block_is_read_and_none_before_it_is_repeated(page: Path) -> None:
    rows = [[str(number), "x" * (3000 if number == 20 else 5), "y"] for number in range(40)]
    assert rows_of(list(read_batches(write(page, rows), block_bytes=256, expected_rows=40))) == rows


def test_another_number_of_rows_than_expected_is_refused(page: Path) -> None:
    write(page, [["1", "a", "b"], ["2", "c", "d"]])
    for expected in (0, 1, 3):
        with pytest.raises(SalesforceUnavailableError, match="2 rows"):
            list(read_batches(page, expected_rows=expected))


def test_damaged_page_is_refused_without_its_content(page: Path) -> None:
    for body in (
        b'"Id","LastName"\n"1","Love\xfflace"\n',
        b'"Id","LastName"\n"1","Lovelace","x"\n',
        b'"I\xffd"\n"Lovelace"\n',
        b'"Id"\n"Lovelace\n',
        b'"Id"\n"1"\n"Lovelace',
    ):
        page.write_bytes(body)
        with pytest.raises(SalesforceUnavailableError) as caught:
            list(read_batches(page))
        assert "lace" not in repr(caught.value), body
        assert caught.value.__context__ is None


def test_page_without_rows_gives_no_frame_and_a_byte_order_mark_is_no_part_of_a_name(page: Path) -> None:
    for body in (b"", b'"Id","LastName"', b'"Id","LastName"\n', b"\xef\xbb\xbf"):
        page.write_bytes(body)
        assert list(read_batches(page)) == [], body
    page.write_bytes(b'\xef\xbb\xbf"Id"\n"1"\n')
    (frame,) = read_batches(page)
    assert list(frame.columns) == ["Id"]


def test_memory_holds_a_block_and_not_the_page(page: Path) -> None:
    write(page, [[str(number), "x" * 200, "y"] for number in range(20_000)])
    before = pa.total_allocated_bytes()
    sizes, held = [], []
    for frame in read_batches(page, block_bytes=1 << 16):
        sizes.append(len(frame))
        held.append(pa.total_allocated_bytes() - before)
    assert sum(sizes) == 20_000
    assert max(sizes) < 1000
    assert max(held) < page.stat().st_size / 4


VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["", "NA", "None", '"', '""', "\n", "\r\n", "\r", ",", "\ufeff", "a\nb"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    rows=st.lists(st.tuples(st.just("003"), VALUES, VALUES).map(list), max_size=12),
    block=st.sampled_from([32, 100, 1 << 20]),
    skip=st.integers(0, 3),
)
def test_csv_round_trip_loses_nothing(page: Path, rows: list[list[str]], block: int, skip: int) -> None:
    write(page, rows)
    skip = min(skip, len(rows))
    frames = list(read_batches(page, columns=NAMES, skip_rows=skip, expected_rows=len(rows), block_bytes=block))
    assert rows_of(frames) == rows[skip:]
