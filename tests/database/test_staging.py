"""A frame in a temporary table holds what it held before, on both databases."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Connection, select

from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.frames import in_parts
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import JSON_OBJECT

ODD = ["", None, '"', '""', "a,b", "line\nbreak", "\r\n", "\\.", "\\N", "NULL", "None", "NA", " blank ", "Ł🙂", "\x1f"]


def _staged(connection: Connection, frame: pd.DataFrame) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(select(stage(connection, "staged_test", frame)))]


def _stage_and_break(database: CustomerDatabase) -> None:
    with database.transaction() as connection:
        _staged(connection, pd.DataFrame({"a": ["y"] * 2_000}, dtype="str"))
        raise InterruptedError


# A large frame goes another way on SQLite.
@pytest.mark.parametrize("times", [1, 1_000])
def test_text_stays_as_it_is(database: CustomerDatabase, times: int) -> None:
    frame = pd.DataFrame({"text": pd.Series(ODD * times, dtype="str")})
    with database.transaction() as connection:
        assert _staged(connection, frame) == [(text,) for text in ODD] * times
        for text in ODD:
            assert _staged(connection, pd.DataFrame({"text": pd.Series([text], dtype="str")})) == [(text,)], text


def test_ids_come_in_lists_of_a_size() -> None:
    ids = pd.Series(["a", "b", "c"], dtype="str")
    assert list(in_parts(ids, size=2)) == [["a", "b"], ["c"]]
    assert list(in_parts(ids)) == [["a", "b", "c"]]
    assert list(in_parts(ids[:0])) == []


@pytest.mark.parametrize("times", [1, 1_000])
def test_yes_no_and_moments_keep_their_type(database: CustomerDatabase, times: int) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    at = pd.Series([moment, None] * times, dtype="datetime64[us, UTC]")
    frame = pd.DataFrame({"yes": [True, False] * times, "at": at})
    with database.transaction() as connection:
        assert _staged(connection, frame) == [(True, moment), (False, None)] * times


def test_json_is_read_back_as_an_object(database: CustomerDatabase) -> None:
    frame = pd.DataFrame({"content": pd.Series(['{"a":[1,"b\\u0001"]}'], dtype="str")})
    with database.transaction() as connection:
        table = stage(connection, "staged_test", frame, {"content": JSON_OBJECT})
        assert connection.execute(select(table)).one()[0] == {"a": [1, "b\x01"]}


def test_later_frame_replaces_the_earlier_one(database: CustomerDatabase) -> None:
    with database.transaction() as connection:
        _staged(connection, pd.DataFrame({"a": ["1"]}, dtype="str"))
        assert _staged(connection, pd.DataFrame({"b": ["2"]}, dtype="str")) == [("2",)]


def test_large_and_small_frames_of_a_name_follow_each_other(database: CustomerDatabase) -> None:
    sizes = [2_000, 1, 2_000, 3] * 5
    with database.transaction() as connection:
        for size in sizes:
            assert len(_staged(connection, pd.DataFrame({"a": ["x"] * size}, dtype="str"))) == size


def test_nothing_of_a_large_frame_is_left_behind(
    database: CustomerDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "empty"))
    (tmp_path / "empty").mkdir()
    for _ in range(20):
        with database.transaction() as connection:
            _staged(connection, pd.DataFrame({"a": ["x"] * 2_000}, dtype="str"))
        with pytest.raises(InterruptedError):
            _stage_and_break(database)
    assert list((tmp_path / "empty").iterdir()) == []
    with database.transaction() as connection:
        assert _staged(connection, pd.DataFrame({"a": ["z"]}, dtype="str")) == [("z",)]


def test_frame_without_rows_makes_an_empty_table(database: CustomerDatabase) -> None:
    with database.transaction() as connection:
        assert _staged(connection, pd.DataFrame({"a": ["1"]}, dtype="str").iloc[:0]) == []


def test_frame_put_together_with_an_empty_one_is_staged_whole(database: CustomerDatabase) -> None:
    # pyarrow keeps the empty part as a chunk of its own, and writes it as CSV wrongly.
    some = pd.Series(["ada"], dtype="str")
    frame = pd.DataFrame({"a": pd.concat([some.iloc[:0], some], ignore_index=True)})
    with database.transaction() as connection:
        assert _staged(connection, frame) == [("ada",)]
