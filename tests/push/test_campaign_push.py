"""Customers of a campaign, written back to Salesforce."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import update

from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.push.result import PushResult
from crm_sync.push.selection import FieldEquals
from crm_sync.sobject import SObject
from flows.campaign_push import campaign_push
from tests.rigs.org import artifact
from tests.rigs.pushes import Pushes, holds

pytestmark = pytest.mark.flow


def test_changed_customers_reach_their_records(both_pushes: Pushes) -> None:
    ids = both_pushes.enter_changed(3)

    result = both_pushes.push()

    assert result.success == set(ids)
    assert result.written == 3
    assert holds(result)
    assert {both_pushes.record(number)["Title"] for number in ids} == {"Navigator"}
    assert [row["output"] for row in both_pushes.outputs()] == ["success"] * 3
    assert both_pushes.waiting() == []


def test_lead_is_written(pushes: Pushes) -> None:
    lead = pushes.people(SObject.LEAD)[0]
    pushes.change([lead["id"]], job_title="Scout")
    pushes.enter([lead["id"]])

    assert pushes.push(sobject="Lead").success == {lead["id"]}
    assert pushes.record(lead["id"])["Title"] == "Scout"


def test_push_of_consent_alone_leaves_all_else_as_it_is(pushes: Pushes) -> None:
    ids = pushes.enter_changed(2, job_title="Navigator")
    pushes.change(ids[:1], opt_in=False)

    result = pushes.push(fields=["HasOptedOutOfEmail"])

    assert result.success == set(ids)
    assert result.written == 0
    assert pushes.have_opted_out(ids[:1])
    assert "Navigator" not in {pushes.record(one)["Title"] for one in ids}


def test_echo_of_a_push_changes_no_customer(both_pushes: Pushes) -> None:
    ids = both_pushes.enter_changed(3)
    both_pushes.change_options(ids[0], score=12.5, interests="Travel;Art", last_visit="2026-05-01T10:00:00Z")
    both_pushes.change([ids[1]], opt_in=False)
    both_pushes.push(fields=["Title", "Score__c", "Interests__c", "Last_Visit__c", "HasOptedOutOfEmail"])
    before = both_pushes.rig.rows(customer)

    counts = both_pushes.rig.sync().total

    assert counts.written == 0
    assert both_pushes.rig.rows(customer) == before


def test_what_changes_here_after_a_push_survives_its_echo(both_pushes: Pushes) -> None:
    ids = both_pushes.enter_changed(3, job_title="Navigator", city=None)
    fields = ["Title", "MailingCity"]
    both_pushes.push(fields=fields)
    both_pushes.change(ids, job_title="Captain")
    both_pushes.rig.org.records.update("Contact", both_pushes.record(ids[2])["Id"], {"MailingCity": "Delft"})

    both_pushes.rig.pull()

    titles = [both_pushes.customer(one)["job_title"] for one in ids]
    assert titles == ["Captain"] * 3, "Salesforce has changed another field"
    both_pushes.enter(ids)
    both_pushes.push(fields=fields)
    assert [both_pushes.record(one)["Title"] for one in ids] == titles


def test_customer_that_a_full_sync_set_back_during_a_push_hears_of_the_push(both_pushes: Pushes) -> None:
    began = datetime.now(UTC)
    ids = both_pushes.enter_changed(2, job_title="Navigator")
    record = both_pushes.customer(ids[0])["salesforce_id"]
    read = next(row for row in both_pushes.rig.rows(salesforce_record) if row["id"] == record)
    both_pushes.push(fields=["Title"])
    # What a full sync does that began before the push, read the record before it, and stored it while it was going on.
    both_pushes.execute(update(customer).where(customer.c.id == ids[0]).values(job_title="Buyer", modified_at=began))
    mirrored = {"field_values": read["field_values"], "pushed_at": None}
    both_pushes.execute(update(salesforce_record).where(salesforce_record.c.id == record).values(mirrored))

    both_pushes.rig.pull()

    assert [both_pushes.customer(one)["job_title"] for one in ids] == ["Navigator", "Navigator"]


def test_every_type_of_field_finds_its_way_back(both_pushes: Pushes) -> None:
    number = both_pushes.people()[0]["id"]
    both_pushes.change([number], birthday=date(1984, 2, 29), opt_in=False, city=None)
    both_pushes.change_options(
        number, score=7.25, interests="Music", newsletter="N", wants_mail=True, last_visit="2026-05-01T10:00:00Z"
    )
    both_pushes.enter([number])
    fields = ["Birthdate", "HasOptedOutOfEmail", "MailingCity", "Score__c", "Interests__c", "Newsletter__c"]

    result = both_pushes.push(fields=[*fields, "Email_Opt_In__c", "Last_Visit__c"])

    assert result.success == {number}
    record = both_pushes.record(number)
    assert (record["Birthdate"], record["HasOptedOutOfEmail"], record["MailingCity"]) == ("1984-02-29", 1, None)
    assert (record["Score__c"], record["Interests__c"], record["Newsletter__c"]) == (7.25, "Music", "N")
    assert (record["Email_Opt_In__c"], record["Last_Visit__c"][:19]) == (1, "2026-05-01T10:00:00")


def test_what_salesforce_changed_since_the_pull_stays_and_is_reported(both_pushes: Pushes) -> None:
    ids = both_pushes.enter_changed(3, job_title="Navigator", mobile_phone="0612345678")
    record = both_pushes.record(ids[0])
    both_pushes.rig.org.records.update("Contact", record["Id"], {"Title": "Theirs"})

    result = both_pushes.push()

    assert result.success == set(ids[1:])
    assert result.error == set(ids[:1])
    assert [(cause.code, cause.can_retry) for cause in result.causes] == [("NEWER_IN_SALESFORCE", False)]
    assert result.newer == 1
    assert result.partly == 1
    assert result.conflicts == {"Title": 1}
    assert result.conflict_examples == (record["Id"],)
    after = both_pushes.record(ids[0])
    assert (after["Title"], after["MobilePhone"]) == ("Theirs", "0612345678")
    assert "| Title | 1 |" in artifact("campaign-push-summary")


def test_customer_wins_where_the_step_says_so(pushes: Pushes) -> None:
    ids = pushes.enter_changed(2)
    pushes.rig.org.records.update("Contact", pushes.record(ids[0])["Id"], {"Title": "Theirs"})

    assert pushes.push(customer_wins=True).conflicts == {}

    assert pushes.record(ids[0])["Title"] == "Navigator"


def test_values_that_salesforce_refuses_leave_by_error_with_its_code(both_pushes: Pushes) -> None:
    ids = both_pushes.enter_changed(5)
    both_pushes.change([ids[0]], job_title="x" * 129)
    both_pushes.change([ids[1]], lastname=None)
    both_pushes.change([ids[2]], email_address="nowhere")
    both_pushes.change_options(ids[3], newsletter="Weekly")

    result = both_pushes.push(fields=["Title", "LastName", "Email", "Newsletter__c"])

    assert result.error == set(ids[:4])
    assert result.success == {ids[4]}
    assert {cause.code: cause.customers for cause in result.causes} == {
        "STRING_TOO_LONG": 1,
        "REQUIRED_FIELD_MISSING": 1,
        "INVALID_EMAIL_ADDRESS": 1,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": 1,
    }
    assert both_pushes.rig.requests() == ["composite"] * 3, "a look, a write, and what is left of the refused"
    records = [both_pushes.record(one)["Id"] for one in ids]
    assert {row["salesforce_id"] for row in both_pushes.outputs()} == set(records)


def test_value_that_does_not_convert_leaves_by_error_and_harms_no_other(pushes: Pushes) -> None:
    ids = pushes.enter_changed(2)
    pushes.change_options(ids[0], score="ten")

    result = pushes.push(fields=["Title", "Score__c"])

    assert result.error == {ids[0]}
    assert result.success == {ids[1]}
    assert [cause.code for cause in result.causes] == ["INVALID_TYPE_ON_FIELD_IN_RECORD"]


def test_one_bad_record_keeps_no_other_back(pushes: Pushes) -> None:
    ids = pushes.enter_changed(5)
    pushes.rig.org.refusals.add(
        pushes.record(ids[2])["Id"], code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="Not on a Monday."
    )

    result = pushes.push()

    assert result.error == {ids[2]}
    assert result.success == set(ids) - {ids[2]}
    assert holds(result)
    (refused,) = [row for row in pushes.outputs() if row["output"] == "error"]
    assert (refused["error_code"], refused["error_message"]) == (
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "Not on a Monday.",
    )
    assert pushes.state().name == "Completed"


def test_given_customers_and_a_selection_enter_the_queue(both_pushes: Pushes) -> None:
    rows = both_pushes.people()
    here = [row for row in rows if row["city"] == "Utrecht" and row["opt_in"]]
    both_pushes.change([row["id"] for row in rows], job_title="Chosen")
    given = next(row["id"] for row in rows if row["city"] == "Gent")
    selection = [FieldEquals(field="city", equals="Utrecht"), FieldEquals(field="opt_in", equals="Yes")]
    selection += [FieldEquals(field="status", equals="Customer")]

    result: PushResult = campaign_push(
        "by hand",
        settings=both_pushes.settings(),
        customer_ids=[given],
        selection=selection,
        **both_pushes.rig.blocks(),
    )

    assert {row["id"] for row in here} | {given} <= result.continued
    assert both_pushes.record(given)["Title"] == "Chosen"
    assert both_pushes.record(rows[-1]["id"])["Title"] != "Chosen" or rows[-1]["id"] in result.continued


def test_selection_by_option_and_by_nothing(both_pushes: Pushes) -> None:
    rows = both_pushes.people()
    both_pushes.change_options(rows[0]["id"], segment="gold")
    both_pushes.change([rows[0]["id"], rows[1]["id"]], fax_number=None)

    result: PushResult = campaign_push(
        "by hand",
        settings=both_pushes.settings(),
        selection=[FieldEquals(field="segment", equals="gold"), FieldEquals(field="fax_number")],
        **both_pushes.rig.blocks(),
    )

    assert result.continued == {rows[0]["id"]}


def test_settings_that_do_not_fit_stop_the_run_before_any_request(pushes: Pushes) -> None:
    pushes.enter_changed(2)

    state = pushes.state(fields=["Industry"])

    assert state.name == "NotConfigured"
    assert state.is_failed()
    assert "Industry cannot be sent to the Contact: not linked in the data mapping" in str(state.message)
    assert pushes.rig.requests() == []
    assert len(pushes.waiting()) == 2


def test_page_of_a_run_tells_causes_and_directions_and_nothing_about_people(pushes: Pushes) -> None:
    ids = pushes.enter_changed(3)
    pushes.change([ids[0]], job_title="x" * 129)
    secret = str(pushes.customer(ids[0])["email_address"])

    pushes.push()

    page = artifact("campaign-push-summary") + artifact("campaign-push-errors") + artifact("campaign-push-outputs")
    assert "STRING_TOO_LONG" in page
    assert "shorten it here" in page
    assert "| job_title | ↔ | Contact.Title |" in page
    assert "| firstname | ← | Contact.FirstName |" in page
    assert secret not in page
    assert "x" * 20 not in page
