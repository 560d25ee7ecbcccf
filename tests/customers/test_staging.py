"""A frame in a temporary table holds what it held before, on both databases."""

from datetime import UTC, datetime

import pandas as pd
import pytest
from sqlalchemy import Connection, select

from crm_sync.customers.database import CustomerDatabase
from crm_sync.customers.staging import stage
from crm_sync.customers.tables import JSON_OBJECT

ODD = ["", None, '"', '""', "a,b", "line\nbreak", "\r\n", "\\.", "\\N", "NULL", "None", "NA", " blank ", "Ł🙂", "\x1f"]


def _staged(connection: Connection, frame: pd.DataFrame) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(select(stage(connection, "staged_test", frame)))]


@pytest.mark.parametrize("text", ODD)
def test_text_stays_as_it_is(database: CustomerDatabase, text: str | None) -> None:
    frame = pd.DataFrame({"text": pd.Series([text, "x"], dtype="str")})
    with database.transaction() as connection:
        assert _staged(connection, frame) == [(text,), ("x",)]


def test_yes_no_and_moments_keep_their_type(database: CustomerDatabase) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    frame = pd.DataFrame({"yes": [True, False], "at": pd.Series([moment, None], dtype="datetime64[us, UTC]")})
    with database.transaction() as connection:
        assert _staged(connection, frame) == [(True, moment), (False, None)]


def test_json_is_read_back_as_an_object(database: CustomerDatabase) -> None:
    frame = pd.DataFrame({"content": pd.Series(['{"a":[1,"b\\u0001"]}'], dtype="str")})
    with database.transaction() as connection:
        table = stage(connection, "staged_test", frame, {"content": JSON_OBJECT})
        assert connection.execute(select(table)).one()[0] == {"a": [1, "b\x01"]}


def test_later_frame_replaces_the_earlier_one(database: CustomerDatabase) -> None:
    with database.transaction() as connection:
        _staged(connection, pd.DataFrame({"a": ["1"]}, dtype="str"))
        assert _staged(connection, pd.DataFrame({"b": ["2"]}, dtype="str")) == [("2",)]


def test_frame_without_rows_makes_an_empty_table(database: CustomerDatabase) -> None:
    with database.transaction() as connection:
        assert _staged(connection, pd.DataFrame({"a": ["1"]}, dtype="str").iloc[:0]) == []


def test_frame_put_together_with_an_empty_one_is_staged_whole(database: CustomerDatabase) -> None:
    # pyarrow keeps the empty part as a chunk of its own, and writes it as CSV wrongly.
    some = pd.Series(["ada"], dtype="str")
    frame = pd.DataFrame({"a": pd.concat([some.iloc[:0], some], ignore_index=True)})
    with database.transaction() as connection:
        assert _staged(connection, frame) == [("ada",)]
