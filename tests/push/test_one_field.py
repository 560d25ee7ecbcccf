"""What is remembered of Salesforce has changed there: one field's trouble is one field's, and records are followed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blocks.data_mapping import DataMapping
from crm_sync.sobject import SObject
from tests.rigs.org import Rig
from tests.rigs.pushes import Pushes, start_pushes, wide_mapping

pytestmark = pytest.mark.flow

FIELDS = ["Title", "MobilePhone", "Score__c"]


def _ready(rig: Rig) -> None:
    rig.mapping = wide_mapping()
    rig.sync()
    started = Pushes(rig)
    started.enter_changed(1, job_title="First")
    started.push(fields=FIELDS)


@pytest.fixture
def pushes(tmp_path: Path, sqlite_url: str) -> Iterator[Pushes]:
    """Give a synced org whose fields are known."""
    with start_pushes(tmp_path, sqlite_url, _ready) as started:
        started.fields = FIELDS
        yield started


def _hide(pushes: Pushes) -> None:
    pushes.rig.org.hide_fields("Contact", "Score__c")


def _lock(pushes: Pushes) -> None:
    pushes.rig.org.change_field("Contact", "Score__c", updateable=False)


def _make_a_date(pushes: Pushes) -> None:
    pushes.rig.org.change_field("Contact", "Score__c", type="date")


def _make_a_flag(pushes: Pushes) -> None:
    pushes.rig.org.change_field("Contact", "Score__c", type="boolean")


@pytest.mark.parametrize("change", [_hide, _lock, _make_a_date, _make_a_flag])
@pytest.mark.parametrize("wins", [False, True])
def test_field_that_is_no_longer_as_it_was_is_left_out_and_the_rest_goes(
    pushes: Pushes, change: Callable[[Pushes], None], wins: bool
) -> None:
    ids = pushes.enter_changed(10)
    pushes.change_options(ids[0], score=77.5)
    change(pushes)

    result = pushes.push(customer_wins=wins)

    assert result.success == set(ids[1:])
    assert result.error == {ids[0]}
    assert {pushes.record(number)["Title"] for number in ids} == {"Navigator"}
    assert result.left_out == {"Score__c": 1}
    assert "not sent: Score__c (1)" in result.sentence()


def test_a_mask_in_place_of_a_text_is_no_newer_value_and_the_field_is_left_out(pushes: Pushes) -> None:
    pushes.rig.org.change_field("Contact", "Phone", type="encryptedstring", length=175)
    pushes.rig.sync()
    pushes.fields = ["Title", "Phone"]
    (one,) = pushes.enter_changed(1)
    pushes.change([one], work_phone="020-7654321")
    pushes.rig.org.mask_fields("Contact", "Phone")

    result = pushes.push()

    assert result.error == {one}
    assert result.left_out == {"Phone": 1}
    assert not result.newer
    assert pushes.record(one)["Title"] == "Navigator"


def test_hidden_field_that_nobody_changed_is_named_and_stops_nothing(pushes: Pushes) -> None:
    ids = pushes.enter_changed(10)
    _hide(pushes)

    state = pushes.state()

    assert state.name == "CompletedWithMissingFields"
    assert state.result().success == set(ids)
    assert "Contact.Score__c" in str(state.message)
    pushes.enter_changed(3, job_title="Cook")
    assert len(pushes.push().success) == 3
    assert pushes.rig.requests() == ["describe", "composite", "composite"]


def test_object_that_is_gone_is_told_and_its_customers_leave_by_error(pushes: Pushes) -> None:
    ids = pushes.enter_changed(3)
    del pushes.rig.org.schema["Contact"]

    result = pushes.push()

    assert result.error == set(ids)
    assert {cause.code for cause in result.causes} == {"INVALID_FIELD"}


def test_shortened_field_is_left_out_for_those_who_no_longer_fit(pushes: Pushes) -> None:
    ids = pushes.enter_changed(4, job_title="Navigator", mobile_phone="0612345678")
    pushes.rig.org.change_field("Contact", "Title", length=5)
    pushes.change(ids[:1], job_title="Cook")

    result = pushes.push()

    assert result.success == {ids[0]}
    assert result.partly == 3
    assert {pushes.record(number)["MobilePhone"] for number in ids} == {"0612345678"}
    assert [cause.code for cause in result.causes] == ["STRING_TOO_LONG"]


def test_title_that_is_too_long_keeps_back_no_opt_out_and_no_phone(pushes: Pushes) -> None:
    ids = pushes.enter_changed(1, job_title="x" * 129, mobile_phone="0612345678", opt_in=False)

    result = pushes.push(fields=["Title", "MobilePhone", "HasOptedOutOfEmail"])

    record = pushes.record(ids[0])
    assert (record["HasOptedOutOfEmail"], record["MobilePhone"]) == (1, "0612345678")
    assert [(cause.code, cause.customers) for cause in result.causes] == [("STRING_TOO_LONG", 1)]


def test_text_that_reads_like_a_mark_is_written(pushes: Pushes) -> None:
    ids = pushes.enter_changed(1, job_title="#N/A")
    assert pushes.push().success == set(ids)
    assert pushes.record(ids[0])["Title"] == "#N/A"
    pushes.enter(ids)
    assert pushes.push().written == 0


def test_record_out_of_the_users_sight_leaves_by_error_and_says_what_to_give(pushes: Pushes) -> None:
    ids = pushes.enter_changed(2)
    pushes.rig.org.hide_records("Contact", pushes.record(ids[0])["Id"])

    for wins in (True, False):
        result = pushes.push(customer_wins=wins)
        assert ids[0] in result.error
        assert [cause.code for cause in result.causes] == ["INSUFFICIENT_ACCESS_OR_READONLY"]
        pushes.enter(ids[:1])
    pushes.rig.org.hide_records("Contact")
    assert pushes.push().success == {ids[0]}


def test_field_that_one_record_does_not_take_is_left_out_of_that_record_only(pushes: Pushes) -> None:
    """The contact of a person account refuses fields that every other contact takes, in words of its own."""
    ids = pushes.enter_changed(3, job_title="Navigator", mobile_phone="0612345678")
    message = "Contact: bad field names on insert/update call: Title"
    refused = pushes.record(ids[0])["Id"]
    pushes.rig.org.refusals.add(refused, times=2, code="INVALID_FIELD_FOR_INSERT_UPDATE", message=message)

    result = pushes.push()

    assert result.success == set(ids[1:])
    assert result.error == {ids[0]}
    assert [pushes.record(one)["Title"] for one in ids[1:]] == ["Navigator"] * 2
    assert {pushes.record(one)["MobilePhone"] for one in ids} == {"0612345678"}
    assert result.left_out == {"Title": 1}


def test_state_that_the_country_does_not_have_keeps_back_the_address_only(pushes: Pushes) -> None:
    """With state and country picklists, codes and texts have to agree."""
    address = ["MailingState", "MailingCountry", "MailingCity"]
    pushes.rig.org.use_address_picklists()
    for one in pushes.people()[:2]:
        empty = {"MailingState": None, "MailingCountry": None}
        pushes.rig.org.records.update("Contact", one["salesforce_id"], empty)
    pushes.rig.pull()
    bad, good = pushes.enter_changed(2, job_title="Poet", state="Texas", country="Netherlands", city="Austin")
    pushes.change([good], country="United States")

    result = pushes.push(fields=["Title", *address])

    assert result.success == {good}
    assert result.error == {bad}
    assert [cause.code for cause in result.causes] == ["FIELD_INTEGRITY_EXCEPTION"]
    assert {pushes.record(one)["Title"] for one in (bad, good)} == {"Poet"}
    assert [pushes.record(good)[name] for name in (*address, "MailingStateCode")] == [
        "Texas",
        "United States",
        "Austin",
        "TX",
    ]
    assert pushes.record(bad)["MailingCity"] != "Austin"


@pytest.mark.parametrize("wins", [False, True])
@pytest.mark.parametrize("title_changes_there", [False, True])
def test_record_that_was_deleted_meanwhile_is_no_success(pushes: Pushes, wins: bool, title_changes_there: bool) -> None:
    ids = pushes.enter_changed(2)
    record = pushes.record(ids[0])["Id"]
    if title_changes_there:
        pushes.rig.org.records.update("Contact", record, {"Title": "Theirs"})
    pushes.rig.org.records.delete("Contact", record)

    result = pushes.push(customer_wins=wins)

    assert result.success == {ids[1]}
    assert result.error == {ids[0]}
    assert [cause.code for cause in result.causes] == ["ENTITY_IS_DELETED"]


@pytest.mark.parametrize("wins", [False, True])
@pytest.mark.parametrize("title_changes_there", [False, True])
def test_record_that_was_merged_meanwhile_is_followed(pushes: Pushes, wins: bool, title_changes_there: bool) -> None:
    loser, master = pushes.people()[20:22]
    pushes.change([loser["id"]], job_title="Survivor")
    pushes.enter([loser["id"]])
    if title_changes_there:
        pushes.rig.org.records.update("Contact", loser["salesforce_id"], {"Title": "Theirs"})
    phone = pushes.record(master["id"])["MobilePhone"]
    pushes.rig.org.records.merge("Contact", master["salesforce_id"], loser["salesforce_id"])

    assert pushes.push(customer_wins=wins).success == {loser["id"]}

    after = pushes.record(master["id"])
    assert (after["Title"], after["MobilePhone"]) == ("Survivor", phone)


@pytest.mark.parametrize("wins", [False, True])
def test_lead_that_was_converted_meanwhile_is_followed(pushes: Pushes, wins: bool) -> None:
    lead = pushes.people(SObject.LEAD)[3]
    pushes.change([lead["id"]], job_title="Scout")
    pushes.enter([lead["id"]])
    contact = pushes.rig.org.records.convert(lead["salesforce_id"])

    result = pushes.push(sobject="Lead", fields=["Title", "City"], customer_wins=wins)

    assert result.success == {lead["id"]}
    record = next(row for row in pushes.rig.people("Contact") if row["Id"] == contact)
    assert (record["Title"], record["MailingCity"]) == ("Scout", lead["city"])


def test_converted_lead_with_a_newer_title_keeps_it_and_says_so(pushes: Pushes) -> None:
    lead = pushes.people(SObject.LEAD)[3]
    pushes.change([lead["id"]], job_title="Scout")
    pushes.enter([lead["id"]])
    pushes.rig.org.records.update("Lead", lead["salesforce_id"], {"Title": "Theirs"})
    pushes.rig.org.records.convert(lead["salesforce_id"])

    result = pushes.push(sobject="Lead", fields=["Title"])

    assert result.error == {lead["id"]}
    assert result.newer == 1
    assert [cause.code for cause in result.causes] == ["NEWER_IN_SALESFORCE"]
    assert pushes.outputs()[-1]["error_message"] == "Title"


def test_converted_lead_is_not_followed_where_the_step_says_so(pushes: Pushes) -> None:
    lead = pushes.people(SObject.LEAD)[3]
    pushes.change([lead["id"]], job_title="Scout")
    pushes.enter([lead["id"]])
    pushes.rig.org.records.convert(lead["salesforce_id"])

    result = pushes.push(sobject="Lead", fields=["Title"], follow_converted=False)

    assert [cause.code for cause in result.causes] == ["CANNOT_UPDATE_CONVERTED_LEAD"]


def test_value_that_the_contact_has_no_field_for_is_named_and_no_success(pushes: Pushes) -> None:
    mapping = pushes.rig.mapping
    contact = mapping.contact.model_copy(
        update={"links": [link for link in mapping.contact.links if link.name != "mobile_phone"]}
    )
    pushes.rig.mapping = DataMapping(lead=mapping.lead, contact=contact)
    lead, other = pushes.people(SObject.LEAD)[3:5]
    for one in (lead, other):
        pushes.change([one["id"]], job_title="Scout")
        pushes.rig.org.records.convert(one["salesforce_id"])
    pushes.change([lead["id"]], mobile_phone="0612345678")
    pushes.enter([lead["id"], other["id"]])

    result = pushes.push(sobject="Lead", fields=["Title", "MobilePhone"])

    assert result.success == {other["id"]}
    assert result.error == {lead["id"]}
    assert [cause.code for cause in result.causes] == ["FIELD_NOT_LINKED"]
    assert result.left_out == {"MobilePhone": 1}
    assert result.partly == 1
