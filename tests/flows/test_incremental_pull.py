"""An incremental pull, told by what happened in the org since the full sync."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.data_mapping import DataMapping
from crm_sync.customers.tables import customer, rejected_record, salesforce_record, sync_run, watermark
from crm_sync.errors import MappingError
from crm_sync.mapping import CustomerFieldKind, FieldLink, SObject
from flows.incremental_pull import incremental_pull
from tests.flows.conftest import Rig, artifact, start_rig

Row = dict[str, Any]
FEW = 60


@pytest.fixture
def synced(tmp_path: Path, sqlite_url: str) -> Iterator[Rig]:
    """Start an org whose people were synced an hour ago, with a journal that starts now."""
    with start_rig(tmp_path, sqlite_url, people=FEW) as rig:
        yield _synced(rig)


@pytest.fixture
def both_synced(tmp_path: Path, database_url: str) -> Iterator[Rig]:
    """Start the same, once with SQLite and once with PostgreSQL."""
    with start_rig(tmp_path, database_url, people=FEW) as rig:
        yield _synced(rig)


def _synced(rig: Rig) -> Rig:
    rig.sync()
    rig.clock.move(hours=1)
    rig.org.journal.clear()
    return rig


def _customers(rig: Rig) -> dict[str, Row]:
    return {row["unique_key"]: row for row in rig.rows(customer)}


def _contact(rig: Rig, **fields: Any) -> str:
    return rig.org.records.insert("Contact", {"LastName": "Lovelace", **fields})


def _agrees_with_full_sync(rig: Rig) -> None:
    """Check that the customers who are spoken for are those of a full sync into an empty database."""
    twin = rig.twin(rig.customers.url.get_secret_value().replace("customers", "twin"))
    twin.sync()
    live = {key: _facts(row) for key, row in _customers(rig).items() if _is_live(row)}
    assert live == {key: _facts(row) for key, row in _customers(twin).items() if _is_live(row)}


def _is_live(row: Row) -> bool:
    return row["deleted_in_salesforce_at"] is None and row["merged_into_customer_id"] is None


def _facts(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in {"id", "created_at", "modified_at"}}


def test_idle_pull_is_one_request_and_writes_nothing(both_synced: Rig) -> None:
    before = both_synced.rows(customer), both_synced.rows(salesforce_record)

    summary = both_synced.pull()

    assert both_synced.requests() == ["composite"]
    assert (summary.requests_used, summary.state) == (1, "Completed")
    assert (both_synced.rows(customer), both_synced.rows(salesforce_record)) == before


def test_records_read_again_change_nothing(synced: Rig) -> None:
    _contact(synced, Email="new@example.org")
    synced.pull()
    before = synced.rows(customer), synced.rows(salesforce_record)

    summary = synced.pull()

    assert (summary.total.read, summary.total.unchanged) == (1, 1)
    assert (synced.rows(customer), synced.rows(salesforce_record)) == before


def test_added_changed_and_deleted_people_arrive(both_synced: Rig) -> None:
    rig = both_synced
    people = [row for row in rig.people("Contact") if not row["IsDeleted"] and row["Email"]]
    changed, gone = people[0], people[1]
    _contact(rig, Email="new@example.org", HasOptedOutOfEmail=True)
    rig.org.records.update("Contact", changed["Id"], {"LastName": "Changed", "Birthdate": "1990-02-03"})
    rig.org.records.delete("Contact", gone["Id"])

    summary = rig.pull()

    assert (summary.total.read, summary.total.deleted, summary.total.inserted) == (3, 1, 1)
    assert _customers(rig)["new@example.org"]["opt_in"] is False
    assert rig.requests() == ["composite"]
    _agrees_with_full_sync(rig)


def by_unique_field(field: str) -> DataMapping:
    """Return the standard mapping with another unique field."""
    given = DataMapping()
    objects = {}
    for name in ("lead", "contact"):
        mapping = getattr(given, name)
        links = [link.model_copy(update={"unique": link.salesforce_field == field}) for link in mapping.links]
        if field == "Id":
            links = [link for link in links if link.salesforce_field != "Id"]
            links.append(FieldLink(salesforce_field="Id", name="external_id", unique=True))
        objects[name] = mapping.model_copy(update={"links": links})
    return DataMapping(**objects)


@pytest.fixture(params=["Email", "Id"])
def by_either(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Iterator[Rig]:
    """Start an org with nobody in it, synced by either unique field."""
    with start_rig(tmp_path, database_url, people=0) as rig:
        rig.mapping = by_unique_field(request.param)
        yield _synced(rig)


def _only_customer(rig: Rig) -> Row:
    (found,) = rig.rows(customer)
    return found


def test_converted_lead_keeps_its_customer(by_either: Rig) -> None:
    rig = by_either
    lead_id = rig.org.records.insert("Lead", {"LastName": "Lovelace", "Company": "Acme", "Email": "ada@example.org"})
    rig.pull()
    before = _only_customer(rig)
    assert (before["status"], before["salesforce_id"]) == ("Prospect", lead_id)

    contact_id = rig.org.records.convert(lead_id)
    rig.pull()

    after = _only_customer(rig)
    assert after["id"] == before["id"]
    assert (after["status"], after["salesforce_object"], after["salesforce_id"]) == ("Customer", "Contact", contact_id)
    (lead,) = [row for row in rig.rows(salesforce_record) if row["id"] == lead_id]
    assert (lead["customer_id"], lead["converted_contact_id"]) == (before["id"], contact_id)


def test_lead_that_is_converted_between_two_queries_keeps_its_customer(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_rig(tmp_path, sqlite_url, people=0) as rig:
        rig.mapping = by_unique_field("Id")
        _synced(rig)
        lead_id = rig.org.records.insert("Lead", {"LastName": "Lovelace", "Company": "Acme"})
        rig.pull()
        number, query, asked = _only_customer(rig)["id"], rig.org.query, list[str]()

        def query_and_convert(soql: str, **options: Any) -> Any:
            found = query(soql, **options)
            asked.append(soql)
            if len(asked) == 1:
                rig.org.records.convert(lead_id)
            return found

        monkeypatch.setattr(rig.org, "query", query_and_convert)
        rig.pull()
        assert len(asked) == 2
        rig.pull()

        found = _only_customer(rig)
        assert (found["id"], found["status"]) == (number, "Customer")


def test_next_in_line_speaks_when_the_survivor_is_deleted_and_back(by_either: Rig) -> None:
    rig = by_either
    lead_id = rig.org.records.insert("Lead", {"LastName": "Lead", "Company": "Acme", "Email": "ada@example.org"})
    contact_id = rig.org.records.convert(lead_id)
    rig.org.records.update("Contact", contact_id, {"LastName": "Contact"})
    rig.pull()
    number = _only_customer(rig)["id"]
    for call, name, status in (("delete", "Lead", "Prospect"), ("undelete", "Contact", "Customer")):
        rig.clock.move(minutes=10)
        getattr(rig.org.records, call)("Contact", contact_id)

        rig.pull()

        found = _only_customer(rig)
        assert (found["id"], found["lastname"], found["status"]) == (number, name, status)
        assert found["deleted_in_salesforce_at"] is None


def test_deleted_person_is_marked_and_unmarked(by_either: Rig) -> None:
    rig = by_either
    contact_id = _contact(rig, Email="ada@example.org")
    rig.pull()
    rig.clock.move(minutes=10)
    rig.org.records.delete("Contact", contact_id)

    rig.pull()
    assert _only_customer(rig)["deleted_in_salesforce_at"] is not None

    rig.clock.move(minutes=10)
    rig.org.records.undelete("Contact", contact_id)
    rig.pull()
    assert _only_customer(rig)["deleted_in_salesforce_at"] is None


def test_merged_person_is_joined_to_the_master_and_no_longer_mailed(by_either: Rig) -> None:
    rig = by_either
    master_id, loser_id = _contact(rig, Email="ada@example.org"), _contact(rig, Email="ada@old.example.org")
    rig.pull()
    by_record = {row["salesforce_id"]: row for row in rig.rows(customer)}
    rig.clock.move(minutes=10)
    rig.org.records.merge("Contact", master_id, loser_id)

    rig.pull()

    found = {row["id"]: row for row in rig.rows(customer)}
    loser, master = found[by_record[loser_id]["id"]], found[by_record[master_id]["id"]]
    assert (loser["merged_into_customer_id"], loser["mail_status"]) == (master["id"], "INACTIVE")
    assert (master["merged_into_customer_id"], master["mail_status"]) == (None, None)

    rig.clock.move(minutes=10)
    rig.org.records.undelete("Contact", loser_id)
    rig.pull()
    back = {row["id"]: row for row in rig.rows(customer)}[loser["id"]]
    assert (back["merged_into_customer_id"], back["mail_status"], back["deleted_in_salesforce_at"]) == (None,) * 3


def test_customer_follows_a_new_address(by_either: Rig) -> None:
    rig = by_either
    contact_id = _contact(rig, Email="ada@old.example.org")
    rig.pull()
    before = _only_customer(rig)
    rig.org.records.update("Contact", contact_id, {"Email": "ada@new.example.org"})

    rig.pull()

    after = _only_customer(rig)
    assert (after["id"], after["email_address"]) == (before["id"], "ada@new.example.org")


def test_any_number_of_records_may_share_one_stamp(synced: Rig) -> None:
    synced.org.settings.page_size = 20
    at = synced.clock()
    for number in range(130):
        synced.org.records.insert("Contact", {"LastName": "Tie", "Email": f"tie{number}@example.org"}, at=at)

    summary = synced.pull()

    assert summary.total.inserted == 130
    _agrees_with_full_sync(synced)


@pytest.mark.parametrize("people", [30, 70, 400])
def test_more_than_a_page_takes_the_planned_requests(synced: Rig, people: int) -> None:
    synced.org.settings.page_size = 20
    for number in range(people):
        _contact(synced, Email=f"many{number}@example.org")

    summary = synced.pull()

    assert summary.total.inserted == people
    most = {30: 2, 70: 2, 400: 6}[people]
    assert len(synced.requests()) == summary.requests_used <= most


def test_records_that_become_visible_late_are_not_missed(synced: Rig) -> None:
    pending = synced.org.pending()
    pending.call("insert", "Contact", {"LastName": "Late", "Email": "late@example.org"})
    for _ in range(3):
        synced.clock.move(minutes=3)
        synced.pull()
    assert "late@example.org" not in _customers(synced)

    pending.commit()
    synced.clock.move(minutes=1)
    synced.pull()

    assert "late@example.org" in _customers(synced)


def test_records_that_change_between_pages_are_not_missed(synced: Rig) -> None:
    synced.org.settings.page_size, synced.org.settings.cursors_show_changes = 20, True
    ids = [_contact(synced, Email=f"page{number}@example.org") for number in range(39)]
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
            _contact(rig, Email=f"clock{number}@example.org")
            summary = rig.pull()
            assert (summary.total.inserted, summary.state) == (1, "Completed")


def test_long_pause_is_made_up_for(synced: Rig) -> None:
    gone = next(row for row in synced.people("Contact") if not row["IsDeleted"] and row["Email"])
    synced.org.records.delete("Contact", gone["Id"])
    synced.clock.move(days=12)

    assert synced.pull().state == "Completed"
    _agrees_with_full_sync(synced)


def test_pause_longer_than_the_recycle_bin_is_told_until_a_full_sync(synced: Rig) -> None:
    synced.clock.move(days=16)

    for _ in range(2):
        summary = synced.pull()
        assert (summary.state, len(summary.full_sync_due)) == ("FullSyncDue", 2)
        assert "Salesforce has forgotten what was deleted" in summary.sentence()

    synced.sync()
    assert synced.pull().state == "Completed"


def test_pull_before_any_full_sync_does_nothing_but_say_so(tmp_path: Path, sqlite_url: str) -> None:
    with start_rig(tmp_path, sqlite_url, people=FEW) as rig:
        summary = rig.pull()
        assert (summary.state, rig.requests(), rig.rows(customer)) == ("FullSyncDue", [], [])
        assert "Contact is due, because it was never read whole" in summary.sentence()

        assert rig.pull(full_sync_first=True).state == "Completed"
        assert rig.rows(customer)


def test_changed_mapping_is_pulled_as_far_as_it_goes_and_told(synced: Rig) -> None:
    contact = synced.mapping.contact
    score = FieldLink(salesforce_field="Score__c", kind=CustomerFieldKind.OPTION, name="score")
    synced.mapping = DataMapping(contact=contact.model_copy(update={"links": [*contact.links, score]}))
    _contact(synced, Email="new@example.org", Score__c=7)

    summary = synced.pull()

    assert (summary.state, list(summary.full_sync_due)) == ("FullSyncDue", [SObject.CONTACT])
    assert "its mapping has changed" in summary.sentence()
    assert _customers(synced)["new@example.org"]["options"]["score"] == 7
    assert synced.pull().state == "FullSyncDue", "only a full sync settles it"
    synced.sync(objects=["Contact"])
    synced.org.journal.clear()
    assert (synced.pull().state, synced.requests()) == ("Completed", ["composite"])


def test_new_link_that_cannot_be_is_refused_before_anything_is_read(synced: Rig) -> None:
    contact = synced.mapping.contact
    address = FieldLink(salesforce_field="MailingAddress", kind=CustomerFieldKind.OPTION, name="address")
    synced.mapping = DataMapping(contact=contact.model_copy(update={"links": [*contact.links, address]}))

    with pytest.raises(MappingError, match="MailingAddress is made of several fields"):
        synced.pull()
    assert "composite" not in synced.requests()


def test_another_unique_field_waits_for_a_full_sync(synced: Rig) -> None:
    before = synced.rows(customer)
    synced.mapping = by_unique_field("Id")
    _contact(synced, Email="new@example.org")

    summary = synced.pull()

    assert (summary.state, set(summary.full_sync_due)) == ("FullSyncDue", {SObject.CONTACT, SObject.LEAD})
    assert (synced.rows(customer), synced.requests()) == (before, [])


def test_vanished_field_is_left_out_and_told(synced: Rig) -> None:
    before = synced.mapping.model_copy()
    titles = {key: row["job_title"] for key, row in _customers(synced).items()}
    synced.org.hide_fields("Contact", "Title")
    _contact(synced, Email="new@example.org")

    summary = synced.pull()

    assert (summary.state, summary.missing_fields[SObject.CONTACT]) == ("CompletedWithMissingFields", ["Title"])
    assert (_customers(synced)["new@example.org"]["lastname"], synced.mapping) == ("Lovelace", before)
    assert {key: row["job_title"] for key, row in _customers(synced).items() if key in titles} == titles
    synced.org.journal.clear()
    assert (synced.pull().state, synced.requests()) == ("CompletedWithMissingFields", ["composite"])


def test_dry_run_shows_what_would_change_and_writes_nothing(both_synced: Rig) -> None:
    rig = both_synced
    changed, gone = [row for row in rig.people("Contact") if not row["IsDeleted"] and row["Email"]][:2]
    rig.org.records.update("Contact", changed["Id"], {"LastName": "Secretname", "HasOptedOutOfEmail": True})
    rig.org.records.delete("Contact", gone["Id"])
    new_id = _contact(rig, Email="new@example.org")
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
    assert "Secretname" not in page
    assert "Secretname" in str(rig.pull(dry_run=True, show_values=True).changes)
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
    _contact(synced, Email="new@example.org", Newsletter__c=newsletter, Email_Opt_In__c=flag)

    synced.pull()

    found = _customers(synced)["new@example.org"]
    assert (found["opt_in"], found["sms_opt_in"], found["status"]) == (expected, expected, "Customer")


def test_run_is_on_record(synced: Rig) -> None:
    _contact(synced, Email=None)

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
