"""The one writer: what is written again, in which order, and what a limit or a lost answer leaves."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from crm_sync.errors import RetriableError
from crm_sync.salesforce.write.write import RETRY_AFTER, Answer, Writer
from standins.salesforce.http.faults import Fault
from tests.salesforce.conftest import Rig
from tests.salesforce.write_steps import KEY, contacts, moment_object, updates, upserts

_DAY_IS_OVER = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]


def attempt(what: str, request: Callable[[bool], Answer]) -> Answer:
    """Make a request, and once more when it may help, as a flow's task does."""
    assert what
    try:
        return request(False)
    except RetriableError:
        return request(True)


@pytest.fixture
def pauses() -> list[float]:
    """Return the seconds that the writer has waited."""
    return []


@pytest.fixture
def writer(rig: Rig, pauses: list[float]) -> Writer:
    """Give a writer that does not wait, and whose chance is always the middle."""
    return Writer(rig.org, attempt, pauses.append, lambda: 0.5)


def titled(rig: Rig, number: int, start: int = 0) -> Any:
    ids = contacts(rig.standin, number)
    return updates("Contact", [{"Id": one, "Title": "Boss"} for one in ids], index=range(start, start + number))


def test_refused_records_are_written_again_on_one_ladder(rig: Rig, writer: Writer, pauses: list[float]) -> None:
    writes = titled(rig, 4)
    locked, busy = writes.records.loc[[0, 1], "Id"]
    rig.standin.refusals.add(locked)
    rig.standin.refusals.add(busy, times=1_000)

    deliveries = list(writer.write([writes]))

    assert pauses == list(RETRY_AFTER)
    found = pd.concat([one.results for one in deliveries])
    assert sorted(found.index) == [0, 1, 2, 3], "each record has one result: its last"
    assert found.index[~found["success"]].tolist() == [1]
    assert found.loc[1, "refusal"] == "transient"


def test_only_a_duplicate_of_the_external_id_is_written_again(rig: Rig, writer: Writer, pauses: list[float]) -> None:
    """The record was inserted by another writer meanwhile; a duplicate of another field stays one."""
    parents = contacts(rig.standin, 2)
    name = moment_object(rig.standin, "Contact_Moment__c", "Contact")
    writes = upserts(name, [{KEY: key, "Parent__c": parent} for key, parent in zip(("k1", "k2"), parents, strict=True)])
    for key, field in (("k1", KEY), ("k2", "Badge__c")):
        message = f"duplicate value found: {field.upper()} duplicates value on record with id: a0X"
        rig.standin.refusals.add(key, times=2, code="DUPLICATE_VALUE", message=message)

    found = pd.concat([one.results for one in writer.write([writes])])

    assert pauses == list(RETRY_AFTER[:2])
    assert found.sort_index()["success"].tolist() == [True, False]
    assert found.loc[1, "refusal"] == "data"


def test_jitter_is_a_quarter_more_or_less(rig: Rig, pauses: list[float]) -> None:
    for chance in (0.0, 1.0):
        writes = titled(rig, 1)
        rig.standin.refusals.add(*writes.records["Id"])
        list(Writer(rig.org, attempt, pauses.append, iter([chance]).__next__).write([writes]))
    assert pauses == [1.5, 2.5]


def test_groups_that_fit_into_one_request_share_it_and_keep_their_order(rig: Rig, writer: Writer) -> None:
    (delivery,) = writer.write([titled(rig, 2)], [titled(rig, 2, start=2)])
    assert delivery.results.index.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("action", "unknown"), [(None, []), ("reset_after", [0, 1])])
def test_limit_after_a_lost_answer_leaves_the_outcome_unknown(
    rig: Rig, writer: Writer, action: Any, unknown: list[int]
) -> None:
    if action:
        rig.standin.faults.add(Fault(action, path="/composite$"))
    rig.standin.faults.add(Fault("status", path="/composite$", status=403, body=_DAY_IS_OVER))

    (delivery,) = writer.write([titled(rig, 2)])

    assert delivery.results.empty
    assert delivery.limit is not None
    assert delivery.unknown_outcome.tolist() == unknown
