"""What goes wrong while moments are written: nothing is there twice and nothing is lost.

Each story ends by holding the org's moments against the database's.
"""

import re
from datetime import UTC, datetime, timedelta

import pytest

from blocks.api_budget import ApiBudget
from blocks.contact_moment_objects import ContactMomentObjects
from crm_sync.database.tables.customers import sync_run
from crm_sync.database.tables.moments import moment_export
from crm_sync.errors import LimitReachedError
from crm_sync.sobject import SObject
from standins.salesforce.http.faults import Fault
from tests.rigs.breakers import let_the_pause_pass
from tests.rigs.moments import BULKY, MomentRig
from tests.rigs.org import artifact

pytestmark = pytest.mark.flow

LEAD, CONTACT = SObject.LEAD, SObject.CONTACT
_DAY_IS_OVER = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
_COMPOSITE = "/composite$"
_CREATE, _UPLOAD, _CLOSE = ("POST", "/jobs/ingest$"), ("PUT", "/batches$"), ("PATCH", r"/jobs/ingest/\w+$")
_LOOK = ("GET", r"/jobs/ingest/\w+$")
_JOB_REQUESTS = (_CREATE, _UPLOAD, _CLOSE, _LOOK)


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("bulky", "fault"),
    [
        *((False, Fault(action, path=_COMPOSITE, nth=2)) for action in ("reset_after", "truncate", "reset")),
        *((True, Fault("reset_after", method=method, path=path)) for method, path in _JOB_REQUESTS),
    ],
    ids=str,
)
def test_lost_answer_is_asked_for_again_and_nothing_is_there_twice(org: MomentRig, bulky: bool, fault: Fault) -> None:
    moments = BULKY if bulky else 2_500
    org.record_many(moments, "grace" if bulky else "ada")
    org.rig.org.faults.add(fault)

    summary = org.export()

    assert (summary.state, summary.total.added) == ("Completed", moments)
    assert bulky or summary.requests_used == 4
    org.assert_nothing_twice_nothing_lost()


def test_locked_half_of_a_collection_is_written_again_and_only_that_half(org: MomentRig) -> None:
    org.record_many(200, "ada")
    org.rig.org.refusals.add(*(f"m{n:05}" for n in range(0, 200, 2)))
    before = org.moments()

    summary = org.export()

    assert (summary.state, summary.total.added, org.kinds()) == ("Completed", 200, ["composite", "composite"])
    tries = {row["moment_id"]: row["tried_at"] for row in org.exports().values()}
    repeated = {moment for moment, tried_at in tries.items() if tried_at > min(tries.values())}
    assert repeated == {moment for moment in before if int(moment[1:]) % 2 == 0}
    org.assert_nothing_twice_nothing_lost()


def test_lock_that_does_not_go_away_stays_due_for_the_next_run(org: MomentRig) -> None:
    org.record_many(10, "ada")
    org.rig.org.refusals.add("m00004", times=4)

    first = org.export()

    assert (first.state, first.total.added, first.to_repeat, first.refused) == ("CompletedWithRefusals", 9, 1, 0)
    assert "1 are tried again by the next run" in first.sentence()
    assert org.exports()["m00004"]["attempts"] == 1
    assert "UNABLE_TO_LOCK_ROW" in artifact("contact-moment-export-errors")
    assert org.export().total.added == 1
    org.assert_nothing_twice_nothing_lost()


def test_locked_rows_of_a_bulk_job_are_written_again(bulky: MomentRig) -> None:
    bulky.rig.org.refusals.add(*(f"m{n:05}" for n in range(0, BULKY, 100)))

    summary = bulky.export()

    assert (summary.state, summary.total.added) == ("Completed", BULKY)
    assert bulky.kinds().count("composite") == 1
    bulky.assert_nothing_twice_nothing_lost()


_LOCKS = "TooManyLockFailure : Too many lock failure 10 Batch will be retried"
_RETRIES = "InternalServerError: retries exceeded"


@pytest.mark.sample(1)
@pytest.mark.parametrize(("state", "reason"), [("Failed", _LOCKS), ("Failed", _RETRIES), ("Aborted", _RETRIES)])
def test_bulk_job_that_ends_in_the_middle_is_finished_by_another(bulky: MomentRig, state: str, reason: str) -> None:
    bulky.rig.org.ingest_jobs.end_next(state, reason, after_rows=2_000)  # type: ignore[arg-type]  # one of its states

    summary = bulky.export()

    assert (summary.state, summary.total.added) == ("Completed", BULKY)
    bulky.assert_nothing_twice_nothing_lost()


def test_lead_that_is_converted_between_pull_and_write_waits_for_the_next_pull(org: MomentRig) -> None:
    (lead,) = org.rig.people("Lead")
    org.record({"moment_id": "a1", "of": "ada"}, {"moment_id": "g1", "of": "grace"})
    contact = org.rig.org.records.convert(lead["Id"])

    first = org.export()

    assert (first.waiting_for_pull, first.refused, first.total.added) == (1, 0, 1)
    assert "1 wait for the next pull" in first.sentence()
    assert org.exports()["a1"]["error_code"] == "CANNOT_UPDATE_CONVERTED_LEAD"
    org.kinds()
    org.export()
    assert org.kinds() == [], "until the pull, the same would be refused again"
    org.pull()
    assert org.export().total.added == 1
    assert org.parents(CONTACT)["a1"] == contact
    org.assert_nothing_twice_nothing_lost()


def test_moment_of_a_deleted_contact_waits_and_goes_to_the_lead_that_is_left(org: MomentRig) -> None:
    (contact,) = org.rig.people("Contact")
    lead = org.lead("grace")
    org.pull()
    org.record({"moment_id": "g1", "of": "grace"})
    org.rig.org.records.delete("Contact", contact["Id"])

    first = org.export()

    assert (first.waiting_for_pull, org.exports()["g1"]["error_code"]) == (1, "ENTITY_IS_DELETED")
    org.pull()
    assert org.export().total.added == 1
    assert org.parents(LEAD) == {"g1": lead}
    org.assert_nothing_twice_nothing_lost()


def test_moment_of_a_contact_that_was_deleted_and_restored_goes_after_the_pull(org: MomentRig) -> None:
    (contact,) = org.rig.people("Contact")
    org.record({"moment_id": "g1", "of": "grace"})
    org.rig.org.records.delete("Contact", contact["Id"])
    org.export()
    later = datetime.now(UTC).replace(year=2027)
    org.rig.org.records.undelete("Contact", contact["Id"], at=later)
    org.pull()

    assert org.export().total.added == 1
    org.assert_nothing_twice_nothing_lost()


def test_limit_in_the_middle_stops_at_once_and_the_next_run_goes_on(many: MomentRig) -> None:
    many.rig.org.faults.add(Fault("status", path=_COMPOSITE, nth=2, status=403, body=_DAY_IS_OVER))

    state = many.state()

    assert (state.name, state.is_failed()) == ("CutByLimit", True)
    assert isinstance(state.result(raise_on_failure=False), LimitReachedError)
    assert many.kinds() == ["composite", "composite"]
    assert len(many.shown(LEAD)) == len(many.exports()) == 1_000
    said = "1,500 contact moments wait, the first since 2026-11-02 09:00 UTC; at the present budget they will be"
    assert said in str(state.message)
    assert "(2 requests)" in str(state.message)
    assert "for another run | 1,500 | 2026-11-02 09:00 UTC | about" in artifact("contact-moment-export-summary")
    assert many.rows(sync_run)[-1]["state"] == "CutByLimit"
    again = many.state()
    assert (again.name, many.kinds()) == ("CutByLimit", []), "the day is still over, and nobody asks Salesforce"
    assert said in str(again.message)
    let_the_pause_pass(many.rig)
    assert many.export().total.added == 1_500
    many.assert_nothing_twice_nothing_lost()


def test_backlog_is_through_when_the_saved_budget_allows(many: MomentRig) -> None:
    # One request an hour: an even part of 41, which is 12 % of 400 less what is kept for others.
    many.rig.org.settings.daily_limit = 400
    many.rig.org.faults.add(Fault("status", path=_COMPOSITE, nth=2, status=403, body=_DAY_IS_OVER))
    began = datetime.now(UTC).replace(second=0, microsecond=0)
    ApiBudget(share_of_day=12).save("budget", overwrite=True)
    try:
        said = str(many.state().message)
    finally:
        ApiBudget.delete("budget")

    through = re.search(r"through by about (.{16}) UTC \(2 requests\)", said)
    assert through is not None, said
    assert datetime.strptime(through[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC) >= began + timedelta(hours=2)


@pytest.mark.sample(1)
@pytest.mark.parametrize(("method", "path"), [_CREATE, _UPLOAD, _LOOK])
def test_limit_during_a_bulk_job_leaves_everything_to_the_next_run(bulky: MomentRig, method: str, path: str) -> None:
    bulky.rig.org.faults.add(Fault("status", method=method, path=path, status=403, body=_DAY_IS_OVER))

    assert bulky.state().name == "CutByLimit"

    assert bulky.rows(moment_export) == []
    let_the_pause_pass(bulky.rig)
    assert bulky.export().state == "Completed"
    bulky.assert_nothing_twice_nothing_lost()


def test_limit_that_salesforce_reports_row_by_row_stops_the_run_too(many: MomentRig) -> None:
    many.rig.org.refusals.add("m00010", code="LIMIT_EXCEEDED", message="You have exceeded your limit")

    state = many.state()

    assert state.name == "CutByLimit"
    assert many.kinds() == ["composite"]
    assert many.exports()["m00010"]["refusal"] == "limit"
    let_the_pause_pass(many.rig)
    assert many.export().total.added == 1_501
    many.assert_nothing_twice_nothing_lost()


def test_bulk_job_for_an_object_that_is_not_there_refuses_its_moments_in_a_sentence(bulky: MomentRig) -> None:
    state = bulky.state(objects=ContactMomentObjects(contact_object="Nowhere__c"))

    assert (state.name, f"{BULKY:,} were refused" in str(state.message)) == ("CompletedWithRefusals", True)
    (said,) = {str(row["error_message"]) for row in bulky.rows(moment_export)}
    assert "Salesforce refused the Bulk job for Nowhere__c" in said
    assert bulky.export().state == "Completed"
    bulky.assert_nothing_twice_nothing_lost()


def test_moment_refused_as_a_duplicate_of_another_writer_is_written_again(org: MomentRig) -> None:
    org.record({"moment_id": "g1", "of": "grace"})
    message = "duplicate value found: MomentId__c duplicates value on record with id: a0X"
    org.rig.org.refusals.add("g1", code="DUPLICATE_VALUE", message=message)

    assert org.export().state == "Completed"
    org.assert_nothing_twice_nothing_lost()


def test_what_is_still_refused_is_told_by_the_next_run(org: MomentRig) -> None:
    (contact,) = org.rig.people("Contact")
    org.rig.org.refusals.add(contact["Id"], times=1_000, code="FIELD_FILTER_VALIDATION_EXCEPTION", message="No match.")
    org.record({"moment_id": "g1", "of": "grace"})

    assert org.state().name == "CompletedWithRefusals"
    org.kinds()
    again = org.state()

    assert (again.name, org.kinds()) == ("CompletedWithRefusals", [])
    assert "1 of earlier runs are still refused" in str(again.message)


def test_moment_of_the_wrong_customer_is_emptied_on_the_first_record(org: MomentRig) -> None:
    org.record({"moment_id": "m1", "of": "ada", "subject": "Hi Ada", "online_version_url": "https://view.example/a"})
    org.export()
    assert org.shown(LEAD)["m1"]["Subject__c"] == "Hi Ada"

    org.record({"moment_id": "m1", "of": "grace", "subject": "Hi Grace"})
    assert org.export().state == "Completed"

    left = org.shown(LEAD)["m1"]
    assert (left["Subject__c"], left["OnlineVersion__c"], left["SentAt__c"]) == (None, None, None)
    assert org.shown(CONTACT)["m1"]["Subject__c"] == "Hi Grace"
    org.kinds()
    org.export()
    assert org.kinds() == []
