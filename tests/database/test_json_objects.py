"""Columns become JSON that any reader understands, whatever the text."""

import json

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm_sync.columns.json_objects import json_objects, raw_literals, text_literals

# Salesforce sends UTF-8, in which a lone surrogate cannot be.
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
TEXTS = st.lists(st.none() | TEXT | st.text(alphabet='"\\\n\r\t\x00\x1f/\u2028u', max_size=6), min_size=1)


def _series(values: list[str | None]) -> pd.Series:
    return pd.Series(values, dtype="str")


@given(TEXTS)
@example(["\x00", "\\", '"', "\\n", "\\u0000", '\\"', "\x7f\u2028\ufeff😀", "", None])
def test_every_text_is_read_back(values: list[str | None]) -> None:
    column = _series(values)
    objects = json_objects({"a": text_literals(column), "b": text_literals(column)}, index=column.index)
    assert [json.loads(text) for text in objects] == [{"a": value, "b": value} for value in values]


@given(TEXT)
def test_every_name_is_read_back(name: str) -> None:
    column = _series(["x"])
    assert json.loads(json_objects({name: text_literals(column)}, index=column.index).iloc[0]) == {name: "x"}


def test_raw_literals_stay_as_they_are() -> None:
    column = _series(["1.10", "true", None])
    objects = json_objects({"n": raw_literals(column)}, index=column.index)
    assert list(objects) == ['{"n":1.10}', '{"n":true}', '{"n":null}']


def test_members_keep_their_order_and_the_frame_its_index() -> None:
    column = pd.Series(["x", "y"], dtype="str", index=[7, 3])
    objects = json_objects({"b": text_literals(column), "a": text_literals(column)}, index=column.index)
    assert objects.loc[3] == '{"b":"y","a":"y"}'


def test_no_members_make_empty_objects() -> None:
    assert list(json_objects({}, index=pd.RangeIndex(2))) == ["{}", "{}"]


@pytest.mark.parametrize("members", [{}, {"a": text_literals(_series([]))}])
def test_no_rows_make_no_objects(members: dict[str, object]) -> None:
    assert json_objects(members, index=pd.RangeIndex(0)).empty


def test_columns_put_together_are_read_back() -> None:
    column = pd.concat([_series(["a"]), _series([]), _series(['"'])], ignore_index=True)
    objects = json_objects({"a": text_literals(column)}, index=column.index)
    assert [json.loads(text)["a"] for text in objects] == ["a", '"']
