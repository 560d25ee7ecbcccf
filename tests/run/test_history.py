"""Runs, and how far they came."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import sync_run
from crm_sync.pull.checkpoints_store import Checkpoint, delete_checkpoints, read_checkpoint, save_checkpoint
from crm_sync.pull.watermarks_store import Watermark, advance_watermark, move_watermark, read_watermarks
from crm_sync.runs.counts import Counts
from crm_sync.runs.history_store import count_rejects, end_run, start_run
from crm_sync.sobject import SObject
from tests.rigs.story import Story

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _start(database: CustomerDatabase, flow: str = "full_sync", org: str = "org") -> int:
    with database.transaction() as connection:
        return start_run(connection, flow, org, None, NOW)


def _states(database: CustomerDatabase) -> dict[int, str]:
    with database.transaction() as connection:
        return {row[0]: row[1] for row in connection.execute(select(sync_run.c.id, sync_run.c.state))}


def _checkpoint(run: int, **changes: object) -> Checkpoint:
    parts = {"mapping_fingerprint": "f1", "job_id": "750", "read_from": NOW} | changes
    return Checkpoint(SObject.LEAD, run, **parts)  # type: ignore[arg-type]


def test_run_that_never_ended_is_interrupted_by_the_next_of_its_flow_and_org(database: CustomerDatabase) -> None:
    died, other_flow, other_org = _start(database), _start(database, flow="pull"), _start(database, org="other")
    going = _start(database)
    assert _states(database) == {died: "interrupted", other_flow: "running", other_org: "running", going: "running"}


def test_ended_run_keeps_its_state_and_counts(database: CustomerDatabase) -> None:
    number = _start(database)
    counts = {SObject.LEAD: Counts(read=3, inserted=2, rejected=1)}
    with database.transaction() as connection:
        end_run(connection, number, state="Completed", counts=counts, requests_used=7, now=NOW)
    _start(database)
    with database.transaction() as connection:
        row = connection.execute(select(sync_run).where(sync_run.c.id == number)).one()
    assert (row.state, row.requests_used, row.ended_at) == ("Completed", 7, NOW)
    assert row.counts["Lead"]["inserted"] == 2


def test_checkpoint_is_read_back_as_it_was_saved(database: CustomerDatabase) -> None:
    reached = _checkpoint(_start(database), locator="MTAw", rows_done=5)
    with database.transaction() as connection:
        save_checkpoint(connection, "org", reached)
        assert read_checkpoint(connection, "org", SObject.LEAD) == reached


def test_later_checkpoint_replaces_the_earlier_one(database: CustomerDatabase) -> None:
    reached = _checkpoint(_start(database))
    with database.transaction() as connection:
        save_checkpoint(connection, "org", reached)
        save_checkpoint(connection, "org", reached.after_rows(10))
        assert read_checkpoint(connection, "org", SObject.LEAD) == reached.after_rows(10)


def test_checkpoint_belongs_to_one_org_and_one_object(database: CustomerDatabase) -> None:
    reached = _checkpoint(_start(database))
    with database.transaction() as connection:
        save_checkpoint(connection, "org", reached)
        assert read_checkpoint(connection, "other", SObject.LEAD) is None
        assert read_checkpoint(connection, "org", SObject.CONTACT) is None


def test_forgotten_checkpoint_is_gone(database: CustomerDatabase) -> None:
    reached = _checkpoint(_start(database))
    with database.transaction() as connection:
        save_checkpoint(connection, "org", reached)
        delete_checkpoints(connection, "org", [SObject.CONTACT])
        assert read_checkpoint(connection, "org", SObject.LEAD) == reached
        delete_checkpoints(connection, "org", [SObject.LEAD])
        assert read_checkpoint(connection, "org", SObject.LEAD) is None


def test_checkpoint_of_a_batch_that_fails_is_not_kept(database: CustomerDatabase) -> None:
    run = _start(database)
    with suppress(RuntimeError), database.transaction() as connection:
        save_checkpoint(connection, "org", _checkpoint(run))
        raise RuntimeError("killed")
    with database.transaction() as connection:
        assert read_checkpoint(connection, "org", SObject.LEAD) is None


def test_page_by_page_to_the_end() -> None:
    begun = _checkpoint(1)
    second = begun.after_rows(10).after_page("MTAw")
    assert (second.locator, second.rows_done, second.finished) == ("MTAw", 0, False)
    assert second.after_rows(3).after_page(None).finished


def test_watermark_never_goes_back(database: CustomerDatabase) -> None:
    later = Watermark(SObject.LEAD, NOW + timedelta(hours=1), "print", "Email", {"Email": "email", "Gone__c": None})
    with database.transaction() as connection:
        advance_watermark(connection, "org", later)
        advance_watermark(connection, "org", replace(later, stored_until=NOW, mapping_fingerprint="another"))
        advance_watermark(connection, "another org", replace(later, sobject=SObject.CONTACT))
        found = read_watermarks(connection, "org")
    assert found == {SObject.LEAD: replace(later, mapping_fingerprint="another")}


def test_pull_leaves_what_a_full_sync_said_meanwhile(database: CustomerDatabase) -> None:
    before = Watermark(SObject.LEAD, NOW, "old print", "Email", {"Email": "email"})
    with database.transaction() as connection:
        advance_watermark(connection, "org", replace(before, mapping_fingerprint="new print", unique_field="Id"))
        move_watermark(connection, "org", replace(before, stored_until=NOW + timedelta(minutes=10)))
        move_watermark(connection, "org", replace(before, stored_until=NOW + timedelta(minutes=5)))
        (found,) = read_watermarks(connection, "org").values()
    assert (found.mapping_fingerprint, found.unique_field) == ("new print", "Id")
    assert found.stored_until == NOW + timedelta(minutes=10)


def test_pause_that_is_longer_than_the_recycle_bin_leaves_a_mark(database: CustomerDatabase) -> None:
    mark = Watermark(SObject.LEAD, NOW, "print", "Email", {})
    prints = []
    with database.transaction() as connection:
        advance_watermark(connection, "org", mark)
        for days in (14, 30, 31):  # the second step is the long one
            move_watermark(connection, "org", replace(mark, stored_until=NOW + timedelta(days=days)))
            prints.append(read_watermarks(connection, "org")[SObject.LEAD].mapping_fingerprint)
    assert prints == ["print", "", ""]


def test_rejects_are_counted_by_reason_most_frequent_first(story: Story, database: CustomerDatabase) -> None:
    story.land(story.lead(1, "ada@x.org", Score__c="many"), story.lead(2, None), story.lead(3, None))
    first = story.run
    story.new_run()
    story.land(story.contact(1, None))
    with database.transaction() as connection:
        found, everything = count_rejects(connection, list(SObject), first), count_rejects(connection, list(SObject))
    assert found == [
        ("Lead", "Email is empty, and it is the unique field", 2),
        ("Lead", "Score__c does not convert to a number for score", 1),
    ]
    assert sum(records for _, _, records in everything) == 4
