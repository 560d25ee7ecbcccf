"""What is too large for one request, or for one answer, goes in parts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from crm_sync.errors import AnswerTooLargeError
from crm_sync.salesforce.read.changed_since import ChangeQuery, changed_since
from crm_sync.salesforce.read.composite import Page, ask_together, query_path
from crm_sync.salesforce.write.records import RecordWrites, fits_csv
from crm_sync.salesforce.write.write import Answer, Writer
from crm_sync.sobject import SObject
from standins.salesforce.schema.fields import Field
from tests.salesforce.conftest import Rig, no_wait
from tests.salesforce.write_steps import contacts, updates

_STORY = Field("Story__c", "Story", "textarea", length=131_072)
_SOQL = "SELECT Id, LastName FROM Contact"


def attempt(what: str, request: Callable[[bool], Answer]) -> Answer:
    assert what
    return request(False)


def stories(rig: Rig, number: int, text: str = "", **others: str) -> RecordWrites:
    """Return updates of so many new contacts, whose stories are long texts."""
    contact = rig.standin.schema["Contact"]
    rig.standin.add_object(replace(contact, fields=(*contact.fields, _STORY)))
    return updates("Contact", [{"Id": one, "Story__c": text, **others} for one in contacts(rig.standin, number)])


def written(rig: Rig, writes: RecordWrites, **changes: Any) -> pd.DataFrame:
    writer = Writer(rig.org, attempt, no_wait, lambda: 0.5, **changes)
    return pd.concat([one.results for one in writer.write([writes])])


def test_records_that_are_too_long_for_one_request_go_in_several(rig: Rig) -> None:
    writes = stories(rig, 400, "é" * 65_000)

    found = written(rig, writes)

    assert found["success"].tolist() == [True] * 400
    assert rig.standin.records.get("Contact", str(writes.records.loc[399, "Id"]))["Story__c"] == "é" * 65_000
    assert [entry.status for entry in rig.stop_and_read_journal() if entry.kind == "composite"] == [200, 200]


def test_request_that_salesforce_finds_too_large_goes_again_with_fewer_records(rig: Rig) -> None:
    rig.standin.settings.longest_body = 12_000
    sizes: list[int] = []

    found = written(rig, stories(rig, 400, "A story."), found_size=sizes.append)

    assert found["success"].tolist() == [True] * 400
    assert sizes == [100]
    statuses = [entry.status for entry in rig.stop_and_read_journal() if entry.kind == "composite"]
    assert set(statuses) == {200, 413}


def test_record_that_is_too_large_by_itself_is_refused_alone(rig: Rig) -> None:
    rig.standin.settings.longest_body = 20_000
    writes = stories(rig, 12, "A story.")
    writes.records.loc[3, "Story__c"] = "A story. " * 10_000

    found = written(rig, writes)

    assert found.index[~found["success"]].tolist() == [3]
    assert (found.loc[3, "error_code"], found.loc[3, "refusal"]) == ("HTTP 413", "too_many")


def test_text_that_is_too_long_for_a_csv_goes_beside_the_job(rig: Rig) -> None:
    writes = stories(rig, 5_100, "A story.")
    writes.records.loc[7, "Story__c"] = "😀" * 16_001

    found = written(rig, writes)

    assert found["success"].tolist() == [True] * 5_100
    assert rig.standin.records.get("Contact", str(writes.records.loc[7, "Id"]))["Story__c"] == "😀" * 16_001
    assert rig.ledger.reserved.count("write") == 1


@pytest.mark.parametrize(("length", "fields", "fits"), [(32_000, 1, True), (32_001, 1, False), (32_000, 13, False)])
def test_csv_holds_values_and_records_of_a_length(length: int, fields: int, fits: bool) -> None:
    record = {"Id": "003000000000001AAA"} | {f"Story{number}__c": "x" * length for number in range(fields)}
    assert fits_csv(updates("Contact", [record])).tolist() == [fits]


def test_queries_whose_answer_is_too_large_are_asked_by_halves(rig: Rig) -> None:
    contacts(rig.standin, 100)
    rig.transport.largest_answer = 20_000

    answers = ask_together(rig.org, [query_path(_SOQL)] * 4)

    assert [len(page.records) for page in answers.pages if isinstance(page, Page)] == [101] * 4
    assert answers.asked_at <= datetime.now(UTC)
    assert rig.ledger.reserved.count("query") == 1 + 2 + 4


def test_query_whose_answer_is_too_large_is_read_by_the_bulk_api(rig: Rig) -> None:
    contacts(rig.standin, 100)
    rig.transport.largest_answer = 10_000
    since = datetime.now(UTC) - timedelta(days=1)
    queries = [ChangeQuery(sobject, {"Title": "string"}, since) for sobject in (SObject.CONTACT, SObject.LEAD)]

    found = changed_since(queries, lambda paths, _: ask_together(rig.org, paths))

    assert {name: changes.needs_bulk for name, changes in found.items()} == {"Contact": True, "Lead": False}
    assert len(found["Lead"].records) == 3


def test_further_page_that_is_too_large_is_read_by_the_bulk_api(rig: Rig) -> None:
    ids = contacts(rig.standin, 100)
    for one in ids[60:]:
        rig.standin.records.update("Contact", one, {"Title": "A title " * 15})
    rig.standin.settings.page_size = 52
    rig.transport.largest_answer = 14_000

    query = ChangeQuery(SObject.CONTACT, {"Title": "string"}, None)
    found = changed_since([query], lambda paths, _: ask_together(rig.org, paths))

    assert found["Contact"].needs_bulk


def test_any_other_answer_that_is_too_large_says_so(rig: Rig) -> None:
    rig.transport.largest_answer = 100
    with pytest.raises(AnswerTooLargeError, match="map fewer fields"):
        rig.org.ask(lambda client: client.limits())
