"""The one writer: what is written again, in which order, and what a limit or a lost answer leaves."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from crm_sync.errors import LimitReachedError, RetriableError
from crm_sync.salesforce.write.options import WriteOptions
from crm_sync.salesforce.write.tries import RETRY_AFTER
from crm_sync.salesforce.write.write import Answer, Writer
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


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Sync: System.LimitException: Apex CPU time limit exceeded"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "Flow error messages: Apex CPU time limit exceeded"),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Sync: System.LimitException: Too many SOQL queries: 101"),
        ("UNKNOWN_EXCEPTION", "Apex heap size too large: 6290000"),
    ],
)
def test_records_that_are_too_many_go_by_halves_until_they_go(
    rig: Rig, writer: Writer, pauses: list[float], code: str, message: str
) -> None:
    rig.standin.settings.triggers_take = 50
    rig.standin.settings.triggers_refuse_with, rig.standin.settings.triggers_say = code, message
    sizes: list[int] = []

    deliveries = list(replace(writer, found_size=sizes.append).write([titled(rig, 400)]))

    found = pd.concat([one.results for one in deliveries])
    assert len(found) == 400
    assert found["success"].all()
    assert (sizes, pauses) == ([50], [])
    assert rig.ledger.reserved.count("write") == 1 + 1 + 2


def test_one_record_that_is_too_much_makes_no_rule_for_the_others(rig: Rig, writer: Writer) -> None:
    writes = titled(rig, 16)
    rig.standin.refusals.add(writes.records.loc[3, "Id"], times=1_000, code="X", message="Apex heap size too large: 1")
    sizes: list[int] = []

    found = pd.concat([one.results for one in replace(writer, found_size=sizes.append).write([writes])])

    assert found.index[~found["success"]].tolist() == [3]
    assert (found.loc[3, "refusal"], sizes) == ("too_many", [])


def test_bulk_job_is_left_alone_where_the_triggers_take_fewer(rig: Rig, writer: Writer) -> None:
    rig.standin.settings.triggers_take = 50
    fewer = replace(writer, options=WriteOptions(at_once=50))

    found = pd.concat([one.results for one in fewer.write([titled(rig, 3_000)])])

    assert found["success"].all()
    assert "bulk_job" not in rig.ledger.reserved


def test_value_that_a_csv_would_read_as_a_mark_goes_beside_the_job(rig: Rig, writer: Writer) -> None:
    writes = titled(rig, 3_100)
    writes.records.loc[7, "Title"] = "#N/A"

    found = pd.concat([one.results for one in writer.write([writes])])

    assert len(found) == 3_100
    assert found["success"].all()
    assert rig.standin.records.get("Contact", writes.records.loc[7, "Id"])["Title"] == "#N/A"
    assert rig.ledger.reserved.count("write") == 1


@pytest.mark.parametrize("number", [4, 3_100])
def test_duplicate_that_a_rule_only_alerts_to_is_saved_where_the_options_say_so(
    rig: Rig, writer: Writer, number: int
) -> None:
    writes = titled(rig, number)
    alert: dict[str, Any] = {
        "code": "DUPLICATES_DETECTED",
        "message": "Use one of these records?",
        "alerts": True,
        "times": 1_000,
    }
    rig.standin.refusals.add(writes.records.loc[1, "Id"], **alert)

    for saves in (False, True):
        options = WriteOptions(save_despite_alerts=saves)
        found = pd.concat([one.results for one in replace(writer, options=options).write([writes])])
        assert found.index[~found["success"]].tolist() == ([] if saves else [1])
        assert len(found) == number


def test_limit_that_refuses_single_records_stops_all_requests(rig: Rig, writer: Writer) -> None:
    for number in (4, 3_100):
        rig.ledger.closed.clear()
        writes = titled(rig, number)
        one = writes.records.loc[1, "Id"]
        rig.standin.refusals.add(one, code="REQUEST_LIMIT_EXCEEDED", message="TotalRequests Limit exceeded.")
        assert list(writer.write([writes]))[-1].limit
        assert rig.ledger.closed == [("write", LimitReachedError)], number
