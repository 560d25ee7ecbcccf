"""Values arrive unchanged, whatever they contain."""

from collections.abc import Callable

import pandas as pd
import pytest

from crm_sync.salesforce.write.collections import split_requests, write_records
from crm_sync.salesforce.write.records import CLEAR, RecordWrites
from tests.salesforce.conftest import Rig
from tests.salesforce.write_steps import codes, contacts, leads, sent, updates, written

Write = Callable[[Rig, RecordWrites], pd.DataFrame]


def by_collections(rig: Rig, writes: RecordWrites) -> pd.DataFrame:
    return pd.concat(frame for request in split_requests([writes]) for frame in write_records(rig.org, request))


@pytest.mark.parametrize("write", [by_collections, written])
def test_a_missing_value_leaves_the_field_and_clear_empties_it(rig: Rig, write: Write) -> None:
    kept, cleared, changed = contacts(rig.standin, 3, Title="Boss", Phone="1", Score__c=3, HasOptedOutOfEmail=True)
    people: list[dict[str, str | None]] = [
        {"Id": kept, "Title": None, "Phone": "2", "Score__c": None, "HasOptedOutOfEmail": None},
        {"Id": cleared, "Title": CLEAR, "Phone": None, "Score__c": CLEAR, "HasOptedOutOfEmail": "false"},
        {"Id": changed, "Title": "", "Phone": CLEAR, "Score__c": "4.50", "HasOptedOutOfEmail": None},
    ]
    assert write(rig, updates("Contact", people, Score__c="double", HasOptedOutOfEmail="boolean"))["success"].all()
    stored = [rig.standin.records.get("Contact", one) for one in (kept, cleared, changed)]
    names = ("Title", "Phone", "Score__c", "HasOptedOutOfEmail")
    assert [tuple(one[name] for name in names) for one in stored] == [
        ("Boss", "2", 3, 1),
        (None, "1", None, 0),
        (None, None, 4.5, 1),
    ]


@pytest.mark.parametrize("write", [by_collections, written])
def test_any_text_arrives_as_it_is(rig: Rig, write: Write) -> None:
    quoted = ['née "X"\nSecond\tline\\', 'née "X"\nSecond, line\\', "a,b;'c'", " blanks ", "\r\n"]
    texts = ["Boss", *quoted, "日本語 😀", "@{c0[0].id}", "#N/A!", "null", "NA"]
    ids = contacts(rig.standin, len(texts))
    people = [{"Id": one, "Title": text} for one, text in zip(ids, texts, strict=True)]
    assert write(rig, updates("Contact", people))["success"].all()
    assert [rig.standin.records.get("Contact", one)["Title"] for one in ids] == texts


def test_a_text_like_a_reference_travels_outside_of_composites(rig: Rig) -> None:
    ids = contacts(rig.standin, 500)
    titles = ["@{c0[0].id}" if place % 100 == 7 else "Boss" for place in range(500)]
    frame = pd.DataFrame({"Id": ids, "Title": titles}, dtype="str")
    writes = [RecordWrites("Contact", frame, {})]
    with pytest.raises(ValueError, match="split_requests"):
        write_records(rig.org, writes)
    requests = split_requests(writes)
    results = pd.concat([frame for request in requests for frame in write_records(rig.org, request)])
    assert results["success"].all()
    assert sorted(results.index) == list(range(500))
    assert [rig.standin.records.get("Contact", one)["Title"] for one in ids] == titles
    assert sent(rig) == ["composite", "collections"]


def test_texts_like_references_of_two_objects_are_one_request_each(rig: Rig) -> None:
    lead_ids, contact_ids = leads(rig.standin, 2), contacts(rig.standin, 2)
    writes = [
        updates(name, [{"Id": one, "Title": title} for one, title in zip(ids, ("@{x}", "Boss"), strict=True)])
        for name, ids in (("Lead", lead_ids), ("Contact", contact_ids))
    ]
    results = [frame for request in split_requests(writes) for frame in write_records(rig.org, request)]
    assert all(frame["success"].all() for frame in results)
    assert rig.standin.records.get("Contact", contact_ids[0])["Title"] == "@{x}"
    assert sent(rig) == ["composite", "collections", "collections"]


def test_a_refused_collection_outside_of_a_composite_is_a_result_too(rig: Rig) -> None:
    (one,) = contacts(rig.standin, 1)
    (results,) = write_records(rig.org, [updates("Contact", [{"Id": one, "Gone__c": "@{x}"}])])
    assert codes(results) == ["INVALID_FIELD"]
    assert results["was_sent"].all()
