"""Collections in a composite: one request, a result for each record, and only what was meant is written."""

from typing import Any

import pandas as pd
import pytest

from crm_sync.errors import LimitReachedError, SalesforceUnavailableError
from crm_sync.outcomes import RefusalClass
from crm_sync.salesforce.errors.row_refusals import refusal_classes
from crm_sync.salesforce.write.collections import split_requests, write_records
from crm_sync.salesforce.write.plan import WriteLoad, plan_writes
from crm_sync.salesforce.write.records import RecordWrites
from standins.salesforce.http.faults import Fault
from tests.salesforce.conftest import Rig
from tests.salesforce.write_steps import KEY, codes, contacts, leads, moment_object, sent, updates, upserts

_RESULTS = ("record_id", "success", "created", "error_code", "error_message", "error_fields", "was_sent")
RESULT_TYPES = dict.fromkeys(_RESULTS, "str") | dict.fromkeys(("success", "created", "was_sent"), "bool")
INNER: dict[str, Any] = {"inner": True, "path": "composite/sobjects"}


def test_a_thousand_records_of_two_objects_are_one_request(rig: Rig) -> None:
    lead_ids, contact_ids = leads(rig.standin, 950), contacts(rig.standin, 50)
    writes = [
        updates("Contact", [{"Id": one, "Title": "Boss"} for one in contact_ids]),
        updates("Lead", [{"Id": one, "Title": "Chef"} for one in lead_ids]),
    ]
    assert [len(request) for request in split_requests(writes)] == [2]
    results = write_records(rig.org, writes)
    assert [len(frame) for frame in results] == [50, 950]
    assert all(frame["success"].all() and frame["was_sent"].all() for frame in results)
    assert results[1]["record_id"].tolist() == lead_ids
    assert {rig.standin.records.get("Lead", one)["Title"] for one in lead_ids} == {"Chef"}
    assert {rig.standin.records.get("Contact", one)["Title"] for one in contact_ids} == {"Boss"}
    assert sent(rig) == ["composite"]
    assert rig.ledger.reserved.count("write") == 1


def test_both_moment_objects_are_upserted_by_one_request(rig: Rig) -> None:
    for_leads, for_contacts = (moment_object(rig.standin, f"{of}Moment__c", of) for of in ("Lead", "Contact"))
    lead_id, contact_id = leads(rig.standin, 1)[0], contacts(rig.standin, 1)[0]
    writes = [
        upserts(for_leads, [{KEY: f"l{n}", "Parent__c": lead_id} for n in range(600)]),
        upserts(for_contacts, [{KEY: f"c{n}", "Parent__c": contact_id} for n in range(400)]),
    ]
    results = write_records(rig.org, writes)
    assert all(frame["success"].all() and frame["created"].all() for frame in results)
    assert results[0]["record_id"].is_unique
    assert (rig.standin.records.count(for_leads), rig.standin.records.count(for_contacts)) == (600, 400)
    assert sent(rig) == ["composite"]


def test_a_lost_answer_is_repeated_without_a_second_record(rig: Rig) -> None:
    moments = moment_object(rig.standin, "Moment__c", "Lead")
    writes = [upserts(moments, [{KEY: f"m{n}", "Subject__c": "x"} for n in range(300)])]
    rig.standin.faults.add(Fault("reset_after", path="/composite"))
    with pytest.raises(SalesforceUnavailableError):
        write_records(rig.org, writes)
    assert rig.standin.records.count(moments) == 300
    (again,) = write_records(rig.org, writes)
    assert again["success"].all()
    assert not again["created"].any()
    assert rig.standin.records.count(moments) == 300


def test_a_refused_record_leaves_the_others_and_keeps_its_code_and_message(rig: Rig) -> None:
    good, long, gone, locked = contacts(rig.standin, 4)
    rig.standin.records.delete("Contact", gone)
    rig.standin.refusals.add(locked)
    converted = leads(rig.standin, 1)[0]
    rig.standin.records.convert(converted)
    people = [
        {"Id": good, "Title": "Boss"},
        {"Id": long, "Title": "x" * 300},
        {"Id": gone, "Title": "Boss"},
        {"Id": locked, "Title": "Boss"},
        {"Id": good[:15] + "AAA", "Email": "none"},
    ]
    of_contacts, of_leads = write_records(
        rig.org, [updates("Contact", people, index=[7, 3, 9, 1, 5]), updates("Lead", [{"Id": converted, "Title": "x"}])]
    )
    assert of_contacts.index.tolist() == [7, 3, 9, 1, 5]
    assert codes(of_contacts)[1:4] == ["STRING_TOO_LONG", "ENTITY_IS_DELETED", "UNABLE_TO_LOCK_ROW"]
    assert str(of_contacts.loc[3, "error_message"]).startswith("Title: data value too large")
    assert of_contacts.loc[1, "record_id"] == locked
    assert codes(of_leads) == ["CANNOT_UPDATE_CONVERTED_LEAD"]
    assert of_contacts["was_sent"].all()
    classes = refusal_classes(of_contacts["error_code"], of_contacts["error_message"])
    assert classes.loc[[3, 9, 1]].tolist() == [RefusalClass.DATA, RefusalClass.TARGET_DELETED, RefusalClass.TRANSIENT]

    writes = updates("Contact", people, index=of_contacts.index)
    (again,) = write_records(rig.org, [writes.where(classes == RefusalClass.TRANSIENT)])
    assert (again.index.tolist(), again["success"].tolist()) == ([1], [True])
    assert rig.standin.records.get("Contact", locked)["Title"] == "Boss"


def refusal(status: int, code: str) -> dict[str, Any]:
    return {"status": status, "body": [{"errorCode": code, "message": "m"}]}


def test_a_lead_that_is_written_keeps_its_owner(rig: Rig) -> None:
    rig.standin.settings.leads_are_assigned_to = "005000000000009AAA"
    (lead,) = leads(rig.standin, 1)
    owner = rig.standin.records.get("Lead", lead)["OwnerId"]
    for title in ("Head of sales", "a template's @{name}"):
        (results,) = write_records(rig.org, [updates("Lead", [{"Id": lead, "Title": title}])])
        assert results["success"].all()
        after = rig.standin.records.get("Lead", lead)
        assert (after["Title"], after["OwnerId"]) == (title, owner)


@pytest.mark.parametrize(
    ("fault", "code", "row_class"),
    [
        ({"status": 503}, "HTTP 503", RefusalClass.TRANSIENT),
        (refusal(500, "UNKNOWN_EXCEPTION"), "UNKNOWN_EXCEPTION", RefusalClass.TRANSIENT),
        (refusal(403, "REQUEST_LIMIT_EXCEEDED"), "REQUEST_LIMIT_EXCEEDED", RefusalClass.LIMIT),
    ],
)
def test_a_collection_that_failed_gives_its_records_its_code(
    rig: Rig, fault: dict[str, Any], code: str, row_class: str
) -> None:
    ids = contacts(rig.standin, 450)
    rig.standin.faults.add(Fault("status", nth=2, **INNER, **fault))
    (results,) = write_records(rig.org, [updates("Contact", [{"Id": one, "Title": "Boss"} for one in ids])])
    assert results["success"].tolist() == [True] * 200 + [False] * 200 + [True] * 50
    failed = results[~results["success"]]
    assert set(failed["error_code"]) == {code}
    assert set(refusal_classes(failed["error_code"], failed["error_message"])) == {row_class}
    assert failed["record_id"].tolist() == ids[200:400]
    # The request itself had the status 200, and yet nobody else should ask.
    assert rig.ledger.closed == ([("write", LimitReachedError)] if row_class == RefusalClass.LIMIT else [])


def test_an_unknown_field_of_one_object_leaves_the_other_object(rig: Rig) -> None:
    lead_ids, contact_ids = leads(rig.standin, 2), contacts(rig.standin, 2)
    of_leads, of_contacts = write_records(
        rig.org,
        [
            updates("Lead", [{"Id": one, "Gone__c": "x"} for one in lead_ids]),
            updates("Contact", [{"Id": one, "Title": "Boss"} for one in contact_ids]),
        ],
    )
    assert codes(of_leads) == ["INVALID_FIELD"] * 2
    assert "No such column 'Gone__c'" in str(of_leads.loc[0, "error_message"])
    assert set(refusal_classes(of_leads["error_code"], of_leads["error_message"])) == {RefusalClass.PERMISSION}
    assert of_contacts["success"].all()


def test_an_unknown_external_id_field_is_a_matter_of_permissions(rig: Rig) -> None:
    moments = moment_object(rig.standin, "Moment__c", "Lead")
    frame = pd.DataFrame([{"Subject__c": "x"}], dtype="str")
    (results,) = write_records(rig.org, [RecordWrites(moments, frame, {}, external_id="Subject__c")])
    assert codes(results) == ["NOT_FOUND"]
    assert refusal_classes(results["error_code"], results["error_message"]).tolist() == [RefusalClass.PERMISSION]


def test_more_records_are_cut_into_as_few_requests_as_hold_them() -> None:
    frame = pd.DataFrame({"Id": [str(n) for n in range(2_300)]}, dtype="str")
    of_leads, of_contacts = (RecordWrites(name, frame, {}) for name in ("Lead", "Contact"))
    requests = split_requests([of_leads, of_contacts])
    assert [sum(map(len, request)) for request in requests] == [1000, 1000, 1000, 1000, 600]
    upsert_leads, upsert_contacts = (
        RecordWrites(name, frame.iloc[:450].rename(columns={"Id": KEY}), {}, external_id=KEY)
        for name in ("Lead", "Contact")
    )
    assert [[len(part) for part in request] for request in split_requests([upsert_leads, upsert_contacts])] == [
        [450, 400],
        [50],
    ]
    assert split_requests([]) == []


def test_the_plan_counts_as_many_requests_as_there_are() -> None:
    for sizes in ((950, 50, 0), (850, 100, 50), (999, 2, 1_000), (201, 201, 601), (3_001, 1_999, 999)):
        frame = pd.DataFrame({"Id": [str(n) for n in range(max(sizes))]}, dtype="str")
        writes = [
            RecordWrites("Moment__c", frame.rename(columns={"Id": KEY}).iloc[: sizes[2]], {}, external_id=KEY),
            RecordWrites("Lead", frame.iloc[: sizes[0]], {}),
            RecordWrites("Contact", frame.iloc[: sizes[1]], {}),
        ]
        loads = [WriteLoad(one.sobject, len(one), is_upsert=one.external_id is not None) for one in writes]
        requests = split_requests(writes)
        assert len(requests) == plan_writes(loads, polls=1_000).requests, sizes
        assert sum(len(part) for request in requests for part in request) == sum(sizes)


def test_updates_and_upserts_fill_one_request_together(rig: Rig) -> None:
    moments = moment_object(rig.standin, "Moment__c", "Lead")
    writes = [
        upserts(moments, [{KEY: f"m{n}", "Clicks__c": "1"} for n in range(800)], Clicks__c="double"),
        updates("Lead", [{"Id": one, "Title": "x"} for one in leads(rig.standin, 100)]),
        updates("Contact", [{"Id": one, "Title": "y"} for one in contacts(rig.standin, 100)]),
    ]
    assert len(split_requests(writes)) == 1
    results = write_records(rig.org, writes)
    assert [len(frame) for frame in results] == [800, 100, 100]
    assert all(frame["success"].all() for frame in results)
    assert [bool(frame["created"].all()) for frame in results] == [True, False, False]


def test_more_than_one_request_holds_is_refused_and_no_records_are_no_request(rig: Rig) -> None:
    frame = pd.DataFrame({"Id": [str(n) for n in range(1_001)]}, dtype="str")
    with pytest.raises(ValueError, match="one request"):
        write_records(rig.org, [RecordWrites("Lead", frame, {})])
    (results,) = write_records(rig.org, [RecordWrites("Lead", frame.iloc[:0], {})])
    assert results.empty
    assert list(results) == list(RESULT_TYPES)
    assert rig.ledger.reserved == []


def test_a_limit_stops_before_anything_is_written(rig: Rig) -> None:
    (one,) = contacts(rig.standin, 1)
    body = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    rig.standin.faults.add(Fault("status", path="/composite", status=403, body=body))
    with pytest.raises(LimitReachedError):
        write_records(rig.org, [updates("Contact", [{"Id": one, "Title": "Boss"}])])
    assert rig.standin.records.get("Contact", one)["Title"] is None


def test_an_answer_that_is_not_about_the_records_can_be_asked_again(rig: Rig) -> None:
    (one,) = contacts(rig.standin, 1)
    answers: list[list[dict[str, Any]]] = [
        [],
        *([{"referenceId": "c0", "body": body}] for body in ([], [{"id": "x"}], "text")),
    ]
    for body in (
        {},
        *({"compositeResponse": [{"httpStatusCode": 200, **part} for part in parts]} for parts in answers),
    ):
        rig.standin.faults.add(Fault("status", path="/composite", status=200, body=body))
        with pytest.raises(SalesforceUnavailableError):
            write_records(rig.org, [updates("Contact", [{"Id": one, "Title": "Boss"}])])


def test_a_session_that_ended_is_renewed_once(rig: Rig) -> None:
    (one,) = contacts(rig.standin, 1)
    writes = [updates("Contact", [{"Id": one, "Title": "Boss"}])]
    write_records(rig.org, writes)
    rig.standin.logins.expire_all()
    assert write_records(rig.org, writes)[0]["success"].all()
    assert rig.stop_and_count_logins() == 2


def test_the_result_has_its_types_whatever_the_outcome(rig: Rig) -> None:
    (one,) = contacts(rig.standin, 1)
    for values in ({"Title": "Boss"}, {"Title": "x" * 300}, {"Gone__c": "x"}):
        (results,) = write_records(rig.org, [updates("Contact", [{"Id": one, **values}])])
        assert results.dtypes.astype(str).to_dict() == RESULT_TYPES
