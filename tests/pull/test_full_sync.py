"""A full sync, told by what the org holds: every number is counted there, not taken from the run."""

from typing import Any

import pytest

from crm_sync.database.tables.customers import (
    customer,
    rejected_record,
    request_ledger,
    salesforce_record,
    sync_run,
    watermark,
)
from crm_sync.pull.summary import SyncSummary
from crm_sync.sobject import SObject
from flows.full_sync import full_sync
from tests.rigs.org import Rig, artifact

pytestmark = pytest.mark.flow

Record = dict[str, Any]


def _key(record: Record) -> str:
    return (record["Email"] or "").strip().casefold()


def _speakers(rig: Rig) -> dict[str, Record]:
    """Return for each e-mail address its source record: contact, then open lead, then converted lead."""
    speakers: dict[str, tuple[Any, Record]] = {}
    for rank, sobject in ((2, "Contact"), (1, "Lead")):
        for record in rig.people(sobject):
            if record["IsDeleted"] or not _key(record):
                continue
            standing = (rank - bool(record.get("IsConverted")), record["SystemModstamp"], record["Id"])
            if _key(record) not in speakers or speakers[_key(record)][0] < standing:
                speakers[_key(record)] = (standing, record)
    return {key: record for key, (_, record) in speakers.items()}


def _everyone(rig: Rig) -> list[Record]:
    return rig.people("Contact") + rig.people("Lead")


def test_customers_are_what_the_org_holds(both_rigs: Rig) -> None:
    summary = both_rigs.sync()

    speakers, everyone = _speakers(both_rigs), _everyone(both_rigs)
    customers = {row["unique_key"]: row for row in both_rigs.rows(customer)}
    assert customers.keys() == speakers.keys()
    for key, record in speakers.items():
        found = customers[key]
        assert (found["salesforce_id"], found["lastname"]) == (record["Id"], record["LastName"])
        of_address = [one for one in everyone if _key(one) == key and not one["IsDeleted"]]
        assert found["opt_in"] is not any(one["HasOptedOutOfEmail"] for one in of_address)
        assert found["status"] == ("Customer" if record["Id"].startswith("003") else "Prospect")
    no_email = {record["Id"] for record in everyone if not _key(record) and not record["IsDeleted"]}
    assert {row["id"] for row in both_rigs.rows(rejected_record)} == no_email
    assert {row["id"] for row in both_rigs.rows(salesforce_record)} == {record["Id"] for record in everyone}

    assert isinstance(summary, SyncSummary)
    total = summary.total
    assert (total.read, total.inserted, total.rejected) == (len(everyone), len(speakers), len(no_email))
    assert total.deleted == sum(record["IsDeleted"] for record in everyone)
    assert (total.updated, total.unchanged) == (0, 0)
    for sobject, counts in summary.counts.items():
        assert counts.read == len(both_rigs.people(sobject))
        outcomes = (counts.inserted, counts.updated, counts.unchanged, counts.superseded, counts.rejected)
        assert counts.read == sum(outcomes) + counts.deleted
    assert no_email, "the org needs records without e-mail for this to mean anything"
    assert total.superseded, "the org needs shared addresses for this to mean anything"
    assert summary.state == "CompletedWithRejects"
    assert sum(records for _, _, records in summary.rejects) == len(no_email)


def test_second_run_changes_nothing_and_does_not_log_in(both_rigs: Rig) -> None:
    first = both_rigs.sync()
    customers, mirror = both_rigs.rows(customer), both_rigs.rows(salesforce_record)
    both_rigs.org.journal.clear()

    second = both_rigs.sync()

    assert sorted(both_rigs.rows(customer), key=repr) == sorted(customers, key=repr)
    assert sorted(both_rigs.rows(salesforce_record), key=repr) == sorted(mirror, key=repr)
    assert second.total.written == 0
    assert second.total.unchanged == second.total.read == first.total.read
    assert "login" not in both_rigs.requests()
    assert second.requests_used == len(both_rigs.requests()) == first.requests_used - 1


def test_every_request_is_counted_and_none_is_made_in_vain(both_rigs: Rig) -> None:
    summary = both_rigs.sync()

    ledger = both_rigs.rows(request_ledger)
    assert summary.requests_used == len(ledger) == len(both_rigs.org.requests)
    assert all(row["status"] == 200 for row in ledger)
    of_one_object = ["bulk_job", "bulk_jobs", "bulk_results", "describe"]
    assert sorted(both_rigs.requests()) == sorted([*of_one_object, *of_one_object, "login", "record_count"])


def test_customers_who_changed_are_updated_and_no_other_row_moves(rig: Rig) -> None:
    rig.sync()
    before = {row["unique_key"]: row for row in rig.rows(customer)}
    key, record = next((key, record) for key, record in _speakers(rig).items() if record["Id"].startswith("003"))
    rig.org.records.update("Contact", record["Id"], {"LastName": "Sørensen 'née' \"Smith\""})

    summary = rig.sync()

    after = {row["unique_key"]: row for row in rig.rows(customer)}
    assert after[key]["lastname"] == "Sørensen 'née' \"Smith\""
    assert after[key]["modified_at"] > before[key]["modified_at"]
    assert {k: row for k, row in after.items() if k != key} == {k: row for k, row in before.items() if k != key}
    assert (summary.total.inserted, summary.total.updated) == (0, 1)


def test_records_that_salesforce_has_forgotten_are_deleted_here_too(both_rigs: Rig) -> None:
    rig = both_rigs
    rig.sync()
    rig.clock.move(days=2)
    gone = [row for row in rig.people("Contact") if not row["IsDeleted"] and row["Email"]][:3]
    rig.org.records.insert("Contact", {"LastName": "New", "Email": "new@example.org"})
    rig.pull()
    for row in gone:
        rig.org.records.purge("Contact", row["Id"])

    summary = rig.sync()

    deleted = {row["id"] for row in rig.rows(salesforce_record) if row["is_deleted"]}
    bin_ = {row["Id"] for row in _everyone(rig) if row["IsDeleted"]}
    assert deleted == bin_ | {row["Id"] for row in gone}
    live = {row["unique_key"] for row in rig.rows(customer) if row["deleted_in_salesforce_at"] is None}
    assert live == _speakers(rig).keys()
    assert summary.total.deleted == len(gone)


def test_blocks_can_be_named(rig: Rig, sqlite_url: str) -> None:
    twin = rig.twin(sqlite_url.replace("customers", "twin"))
    names = {parameter: f"by-name-{parameter}" for parameter in rig.blocks()}
    for parameter, block in twin.blocks().items():
        block.save(names[parameter])

    summary = full_sync(names["salesforce"], names["database"], names["mapping"])

    rig.sync()
    assert summary.total.inserted == len(_speakers(rig))
    assert twin.result() == rig.result()


def test_objects_left_out_are_not_read(rig: Rig) -> None:
    summary = rig.sync(objects=["Lead"])

    assert list(summary.counts) == [SObject.LEAD]
    assert {row["sobject"] for row in rig.rows(salesforce_record)} == {"Lead"}
    assert [job.snapshot.statement.sobject.name for job in rig.org.bulk_jobs.all()] == ["Lead"]


def test_contacts_come_first_in_whatever_order_they_are_asked_for(empty_rig: Rig) -> None:
    assert list(empty_rig.sync(objects=["Lead", "Contact"]).counts) == [SObject.CONTACT, SObject.LEAD]


def test_empty_org_is_a_complete_run(empty_rig: Rig) -> None:
    state = empty_rig.state()

    assert state.name == "Completed"
    assert (empty_rig.rows(customer), empty_rig.checkpoints()) == ([], [])


def test_finished_run_is_on_record_and_leaves_its_counts_in_the_ui(rig: Rig) -> None:
    state = rig.state()

    summary = state.result()
    (run,) = rig.rows(sync_run)
    assert (run["flow"], run["state"], run["requests_used"]) == ("full_sync", state.name, summary.requests_used)
    assert run["counts"]["Contact"]["read"] == len(rig.people("Contact"))
    assert run["ended_at"] >= run["started_at"]
    assert state.message == summary.sentence()
    jobs = {job.snapshot.statement.sobject.name: job.created for job in rig.org.bulk_jobs.all()}
    stored_until = {row["sobject"]: row["stored_until"] for row in rig.rows(watermark)}
    assert stored_until == {name: created.replace(microsecond=0) for name, created in jobs.items()}
    assert rig.checkpoints() == []

    assert f'"read": {summary.total.read}' in artifact("full-sync-counts")
    assert summary.sentence() in artifact("full-sync-summary")
    assert "Email" in artifact("full-sync-rejects")
    assert {float(artifact(f"full-sync-{sobject}")) for sobject in ("contact", "lead")} == {100.0}
