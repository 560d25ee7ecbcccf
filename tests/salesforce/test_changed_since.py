"""The one reader of changes: every way of reading gives the same records, in the planned requests."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from crm_sync.salesforce.limits import LONGEST_QUERY
from crm_sync.salesforce.read.bulk_csv import read_batches
from crm_sync.salesforce.read.bulk_query import create_query_job, download_page, read_job, wait_for_job
from crm_sync.salesforce.read.changed_since import ChangeQuery, Changes, changed_since
from crm_sync.salesforce.read.composite import Answers, ask_together
from crm_sync.salesforce.read.read_plan import ReadStrategy, Remainder
from crm_sync.salesforce.record_ids import full_ids
from crm_sync.sobject import SObject
from tests.salesforce.conftest import Rig

_TYPES = {"Title": "string", "Score__c": "double", "HasOptedOutOfEmail": "boolean", "Last_Visit__c": "datetime"}
_SINCE = datetime.now(UTC) - timedelta(days=1)
_CHANGED = 30
# More than one request can name.
_ELSEWHERE = list(full_ids(pd.Series([f"003{number:012d}" for number in range(500_000, 510_001)])))


@pytest.fixture
def changed(rig: Rig) -> list[str]:
    """Return the Ids of contacts that were changed, one of them in the recycle bin."""
    values = {"Title": "Theirs", "Score__c": 2.5, "Last_Visit__c": "2026-05-01T12:00:00.000Z"}
    ids = [rig.standin.records.insert("Contact", {"LastName": f"P{n}", **values}) for n in range(_CHANGED)]
    rig.standin.records.delete("Contact", ids[0])
    return ids


def _read(rig: Rig, page_size: int, only_ids: list[str] | None) -> tuple[Changes, list[int], list[ReadStrategy]]:
    """Read the changes; return also how many queries each request asked, and how the remainders were read."""
    rig.standin.settings.page_size = page_size
    asked: list[int] = []
    ways: list[ReadStrategy] = []

    def ask(paths: list[str], _what: str) -> Answers:
        asked.append(len(paths))
        return ask_together(rig.org, paths)

    query = ChangeQuery(SObject.CONTACT, _TYPES, _SINCE, only_ids=only_ids)
    found = changed_since([query], ask, lambda plan, _: ways.extend(plan.strategies.values()))
    return found[SObject.CONTACT], asked, ways


def _frame(rig: Rig, changes: Changes, folder: Path) -> pd.DataFrame:
    frames = list(changes.frames())
    if changes.needs_bulk:
        job = create_query_job(rig.org, changes.query.by_time)
        wait_for_job(partial(read_job, rig.org, job.id), lambda _: None)
        page = download_page(rig.org, job.id, locator=None, max_records=1_000, target=folder / "page.csv")
        frames = [changes.query.wanted(batch) for batch in read_batches(page.path, columns=changes.query.columns)]
    return pd.concat(frames).set_index("Id").sort_index()[[*_TYPES, "IsDeleted"]].fillna("")


def test_every_way_of_reading_gives_the_same_records(rig: Rig, changed: list[str], tmp_path: Path) -> None:
    cases = [
        # (page size, Ids to name): queries of each request, and the strategy for what did not fit
        (100, None, [1], []),
        (16, None, [1, 1], [ReadStrategy.PAGES]),
        (2, None, [1], [ReadStrategy.BULK]),
        (100, changed, [1], []),
        # Long texts: not all named records fit on the first page.
        (20, changed, [1, 1], []),
        (100, changed + _ELSEWHERE, [1], []),
        (16, changed + _ELSEWHERE, [1, 1], [ReadStrategy.PAGES]),
        (2, changed + _ELSEWHERE, [1, 5, 2] + [1] * 13, [ReadStrategy.IDS]),
    ]
    expected: list[list[str]] | None = None
    for page_size, only_ids, requests, ways in cases:
        changes, asked, strategies = _read(rig, page_size, only_ids)
        case = (page_size, len(only_ids or ()))
        assert (asked, strategies) == (requests, ways), case
        frame = _frame(rig, changes, tmp_path)
        frame = frame[frame.index.isin(changed)]
        assert frame.index.tolist() == sorted(changed), case
        values = frame.to_numpy().tolist()
        expected = expected or values
        assert values == expected, case


def test_only_wanted_records_are_given(rig: Rig, changed: list[str]) -> None:
    changes, _, _ = _read(rig, 100, changed[:2] + _ELSEWHERE)
    assert len(changes.records) > _CHANGED - 1
    assert pd.concat(changes.frames())["Id"].tolist() == changed[:2]


def test_records_are_named_where_no_pull_was_made(rig: Rig, changed: list[str]) -> None:
    query = ChangeQuery(SObject.CONTACT, _TYPES, None, only_ids=changed * 400)
    assert query.names_records_first
    assert len(query.by_ids) == 6
    assert "SystemModstamp" not in query.by_ids[0].partition("WHERE")[2]


def test_fewer_records_are_named_in_a_query_that_is_long_without_them() -> None:
    types = {f"{'A' * 74}{number:03}__c": "string" for number in range(800)}
    query = ChangeQuery(SObject.CONTACT, types, _SINCE, only_ids=_ELSEWHERE[:4_000])
    assert max(map(len, query.by_ids)) <= LONGEST_QUERY
    assert [one for soql in query.by_ids for one in soql.split("'")[1::2]] == _ELSEWHERE[:4_000]


def test_remainders_are_told_with_the_plan(rig: Rig, changed: list[str]) -> None:
    rig.standin.settings.page_size = 10
    left: list[Remainder] = []
    query = ChangeQuery(SObject.CONTACT, _TYPES, _SINCE)
    changed_since([query], lambda paths, _: ask_together(rig.org, paths), lambda _, rests: left.extend(rests))
    assert [(rest.rows + rest.page_rows, rest.page_rows) for rest in left] == [(_CHANGED + 1, 10)]
