"""An incremental pull, told by what happened in the org since the full sync."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from blocks.data_mapping import DataMapping
from crm_sync.database.tables.customers import customer, rejected_record, salesforce_record, sync_run, watermark
from crm_sync.mapping.model import FieldLink
from flows.incremental_pull import incremental_pull
from tests.rigs.org import Rig, artifact, start_rig
from tests.rigs.pulls import add_contact, agrees_with_full_sync, customers_by_key

pytestmark = pytest.mark.flow


def test_idle_pull_is_one_request_and_writes_nothing(both_synced: Rig) -> None:
    before = both_synced.rows(customer), both_synced.rows(salesforce_record)

    summary = both_synced.pull()

    assert both_synced.requests() == ["composite"]
    assert (summary.requests_used, summary.state) == (1, "Completed")
    assert (both_synced.rows(customer), both_synced.rows(salesforce_record)) == before


def test_records_read_again_change_nothing(synced: Rig) -> None:
    add_contact(synced, Email="new@example.org")
    synced.pull()
    before = synced.rows(customer), synced.rows(salesforce_record)

    summary = synced.pull()

    assert (summary.total.read, summary.total.unchanged) == (1, 1)
    assert (synced.rows(customer), synced.rows(salesforce_record)) == before


def test_added_changed_and_deleted_people_arrive(both_synced: Rig) -> None:
    rig = both_synced
    people = [row for row in rig.people("Contact") if not row["IsDeleted"] and row["Email"]]
    changed, gone = people[0], people[1]
    add_contact(rig, Email="new@example.org", HasOptedOutOfEmail=True)
    rig.org.records.update("Contact", changed["Id"], {"LastName": "Changed", "Birthdate": "1990-02-03"})
    rig.org.records.delete("Contact", gone["Id"])

    summary = rig.pull()

    assert (summary.total.read, summary.total.deleted, summary.total.inserted) == (3, 1, 1)
    assert customers_by_key(rig)["new@example.org"]["opt_in"] is False
    assert rig.requests() == ["composite"]
    agrees_with_full_sync(rig)


def test_any_number_of_records_may_share_one_stamp(synced: Rig) -> None:
    synced.org.settings.page_size = 20
    at = synced.clock()
    for number in range(130):
        synced.org.records.insert("Contact", {"LastName": "Tie", "Email": f"tie{number}@example.org"}, at=at)

    summary = synced.pull()

    assert summary.total.inserted == 130
    agrees_with_full_sync(synced)


@pytest.mark.parametrize("people", [30, 70, 400])
def test_more_than_a_page_takes_the_planned_requests(synced: Rig, people: int) -> None:
    synced.org.settings.page_size = 20
    for number in range(people):
        add_contact(synced, Email=f"many{number}@example.org")

    summary = synced.pull()

    assert summary.total.inserted == people
    most = {30: 2, 70: 4, 400: 1 + 4}[people]
    assert len(synced.requests()) == summary.requests_used <= most


def test_records_that_become_visible_late_are_not_missed(synced: Rig) -> None:
    pending = synced.org.pending()
    pending.call("insert", "Contact", {"LastName": "Late", "Email": "late@example.org"})
    for _ in range(3):
        synced.clock.move(minutes=3)
        synced.pull()
    assert "late@example.org" not in customers_by_key(synced)

    pending.commit()
    synced.clock.move(minutes=1)
    synced.pull()

    assert "late@example.org" in customers_by_key(synced)


def test_records_that_change_between_pages_are_not_missed(synced: Rig) -> None:
    synced.org.settings.page_size, synced.org.settings.cursors_show_changes = 20, True
    ids = [add_contact(synced, Email=f"page{number}@example.org") for number in range(39)]
    ask, asked = synced.clock.__call__, list[bool]()

    class Meddling(type(synced.clock)):  # type: ignore[misc]
        """Changes records of both pages when the second one is asked for."""

        def __call__(self) -> datetime:
            if len(synced.org.requests) == 1 and not asked:
                asked.append(True)
                for record_id in (ids[0], ids[30]):
                    synced.org.records.update("Contact", record_id, {"LastName": "Meanwhile"})
            return ask()

    synced.org.clock = Meddling()
    synced.pull()
    assert asked, "nothing changed between the pages"
    synced.pull()

    names = {row["salesforce_id"]: row["lastname"] for row in synced.rows(customer)}
    assert (names[ids[0]], names[ids[30]]) == ("Meanwhile", "Meanwhile")


@pytest.mark.parametrize("days", [-20, 20])
def test_clock_of_the_worker_does_not_matter(tmp_path: Path, sqlite_url: str, days: int) -> None:
    with start_rig(tmp_path, sqlite_url, people=0) as rig:
        rig.clock.move(days=days)
        rig.sync()
        for number in range(2):
            rig.clock.move(minutes=10)
            add_contact(rig, Email=f"clock{number}@example.org")
            summary = rig.pull()
            assert (summary.total.inserted, summary.state) == (1, "Completed")


def test_long_pause_is_made_up_for(synced: Rig) -> None:
    gone = next(row for row in synced.people("Contact") if not row["IsDeleted"] and row["Email"])
    synced.org.records.delete("Contact", gone["Id"])
    synced.clock.move(days=12)

    assert synced.pull().state == "Completed"
    agrees_with_full_sync(synced)


def test_pause_longer_than_the_recycle_bin_is_told_until_a_full_sync(synced: Rig) -> None:
    synced.clock.move(days=16)

    for _ in range(2):
        summary = synced.pull()
        assert (summary.state, len(summary.full_sync_due)) == ("FullSyncDue", 2)
        assert "Salesforce has forgotten what was deleted" in summary.sentence()

    synced.sync()
    assert synced.pull().state == "Completed"


def test_dry_run_shows_what_would_change_and_writes_nothing(both_synced: Rig) -> None:
    rig = both_synced
    changed, gone = [row for row in rig.people("Contact") if not row["IsDeleted"] and row["Email"]][:2]
    rig.org.records.update("Contact", changed["Id"], {"LastName": "Secretname", "HasOptedOutOfEmail": True})
    rig.org.records.delete("Contact", gone["Id"])
    new_id = add_contact(rig, Email="new@example.org")
    before = [rig.rows(table) for table in (customer, salesforce_record, rejected_record, watermark)]

    summary = rig.pull(dry_run=True)

    assert [rig.rows(table) for table in (customer, salesforce_record, rejected_record, watermark)] == before
    assert summary.state == "DryRun"
    assert summary.changes is not None
    changes = {(row.salesforce_id, row.field): (row.change, row.old, row.new) for row in summary.changes.itertuples()}
    assert changes[new_id, "email_address"][2] == "n…"
    assert changes[changed["Id"], "lastname"] == ("changed", changed["LastName"][0] + "…", "S…")
    if not changed["HasOptedOutOfEmail"]:
        assert changes[changed["Id"], "opt_in"] == ("changed", "Yes", "No")
    page = artifact("incremental-pull-dry-run")
    assert "S…" in {row["new"] for row in json.loads(page)}
    fields = {row["field"] for row in json.loads(page)}
    assert not {field for field in fields if field.endswith(("_hash", "_set", "_seen", "_before"))}, "the books' own"
    assert "Secretname" not in page
    shown = rig.pull(dry_run=True, show_values=True).changes
    assert shown is not None
    assert "Secretname" in set(shown["new"])
    assert rig.pull().total.inserted == 1, "the watermark did not move"


@pytest.mark.parametrize(
    ("newsletter", "flag", "expected"), [("Y", True, True), ("N", False, False), (None, False, False)]
)
def test_consent_comes_as_pick_list_or_boolean(synced: Rig, newsletter: str | None, flag: bool, expected: bool) -> None:
    contact = synced.mapping.contact
    links = [link for link in contact.links if link.name != "opt_in"]
    links.append(FieldLink(salesforce_field="Newsletter__c", name="opt_in"))
    links.append(FieldLink(salesforce_field="Email_Opt_In__c", name="sms_opt_in"))
    synced.mapping = DataMapping(contact=contact.model_copy(update={"links": links}))
    synced.sync(objects=["Contact"])
    add_contact(synced, Email="new@example.org", Newsletter__c=newsletter, Email_Opt_In__c=flag)

    synced.pull()

    found = customers_by_key(synced)["new@example.org"]
    assert (found["opt_in"], found["sms_opt_in"], found["status"]) == (expected, expected, "Customer")


def test_run_is_on_record(synced: Rig) -> None:
    add_contact(synced, Email=None)

    state = incremental_pull(**synced.blocks(), return_state=True)

    assert (state.name, state.is_completed()) == ("CompletedWithRejects", True)
    run = synced.rows(sync_run)[-1]
    assert (run["flow"], run["state"], run["requests_used"]) == ("incremental_pull", state.name, 1)
    assert '"read": 1' in artifact("incremental-pull-counts")
    synced.clock.move(hours=1)
    assert synced.pull().state == "Completed", "a reject of an earlier run is no news"


def test_watermark_is_salesforces_time_before_the_query(synced: Rig) -> None:
    before = synced.clock()
    synced.pull()
    marks = {row["sobject"]: row["stored_until"] for row in synced.rows(watermark)}

    assert set(marks) == {"Contact", "Lead"}
    for moment in marks.values():
        assert before - timedelta(seconds=2) <= moment.astimezone(UTC) <= synced.clock()
