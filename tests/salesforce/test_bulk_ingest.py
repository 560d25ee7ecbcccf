"""Ingest jobs a step at a time: what is written, the result of each record, and the steps that may be repeated."""

import csv
import io
from functools import partial
from typing import Any

import pandas as pd

from crm_sync.outcomes import RefusalClass
from crm_sync.salesforce.errors.row_refusals import refusal_classes
from crm_sync.salesforce.limits import LONGEST_INLINE
from crm_sync.salesforce.read.bulk_query import poll_delays
from crm_sync.salesforce.write.bulk_ingest import (
    close_ingest_job,
    create_ingest_job,
    read_ingest_job,
    split_files,
    upload_csv,
    wait_for_ingest,
)
from crm_sync.salesforce.write.collections import write_records
from crm_sync.salesforce.write.records import CLEAR, csv_file
from crm_sync.salesforce.write.results import read_ingest_results
from tests.salesforce.conftest import Rig, no_wait
from tests.salesforce.write_steps import (
    KEY,
    codes,
    contacts,
    leads,
    moment_object,
    sent,
    titled,
    updates,
    upserts,
    written,
)


def test_ten_thousand_updates_without_a_failure_are_few_requests(rig: Rig) -> None:
    rig.standin.settings.bulk_polls = 0
    writes = titled(rig, 10_000)
    results = written(rig, writes)
    assert results.index.equals(writes.records.index)
    assert results["success"].all()
    assert results["record_id"].tolist() == writes.keys.tolist()
    assert {rig.standin.records.get("Contact", one)["Title"] for one in writes.keys[::500]} == {"Boss"}
    assert sent(rig) == ["ingest_jobs", "ingest_upload", "ingest_job", "ingest_job"]
    assert [kind for kind in rig.ledger.reserved if kind != "login"] == ["bulk_job"] * 3 + ["bulk_poll"]


def test_failed_rows_keep_their_code_and_message_whatever_their_order(rig: Rig) -> None:
    writes = titled(rig, 300)
    ids = writes.keys.tolist()
    writes.records.loc[15, "Title"] = "x" * 300
    rig.standin.refusals.add(*ids[50:250])
    rig.standin.records.delete("Contact", ids[7])
    results = written(rig, writes)
    assert codes(results)[5] == "STRING_TOO_LONG"
    assert codes(results)[7] == "ENTITY_IS_DELETED"
    assert results["error_code"].iloc[50:250].eq("UNABLE_TO_LOCK_ROW").all()
    assert results["success"].sum() == 98
    assert results["was_sent"].all()
    assert results["record_id"].tolist() == ids
    again = written(rig, writes.where(results["error_code"] == "UNABLE_TO_LOCK_ROW"))
    assert again["success"].all()
    assert again.index.tolist() == list(range(60, 260))


def test_bulk_and_collections_give_the_same_results_of_the_same_records(rig: Rig) -> None:
    ids = contacts(rig.standin, 5)
    rig.standin.refusals.add(ids[3], times=2)
    rig.standin.records.delete("Contact", ids[2])
    people = [
        {"Id": ids[0], "Title": "Boss"},
        {"Id": ids[1], "Title": "x" * 300},
        {"Id": ids[2], "Title": "Boss"},
        {"Id": ids[3], "Title": "Boss"},
        {"Id": ids[4], "LastName": CLEAR},
    ]
    writes = updates("Contact", people)
    (by_collections,) = write_records(rig.org, [writes])
    pd.testing.assert_frame_equal(written(rig, writes), by_collections)


def test_the_csv_reads_back_as_the_records() -> None:
    people: list[dict[str, Any]] = [
        {"Id": "a", "Title": 'née "X"\nSecond, line'},
        {"Id": "b", "Title": None},
        {"Id": "c", "Title": ""},
    ]
    text = csv_file(updates("Contact", people)).decode()
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == [
        ["Id", "Title"],
        ["a", 'née "X"\nSecond, line'],
        ["b", ""],
        ["c", "#N/A"],
    ]
    assert "\r" not in text


def test_upserts_are_found_by_their_own_key(rig: Rig) -> None:
    moments = moment_object(rig.standin, "Moment__c", "Lead")
    lead_id = leads(rig.standin, 1)[0]
    writes = upserts(moments, [{KEY: f"m{n}", "Parent__c": lead_id} for n in range(250)], index=range(5, 255))
    first = written(rig, writes)
    assert first["success"].all()
    assert first["record_id"].isna().all()
    second = written(rig, upserts(moments, [{KEY: f"m{n}", "Clicks__c": "2"} for n in range(251)]))
    assert second["success"].all()
    assert rig.standin.records.count(moments) == 251
    assert sent(rig).count("ingest_results") == 0


def test_a_small_job_is_made_filled_and_closed_by_one_request(rig: Rig) -> None:
    rig.standin.settings.bulk_polls = 0
    writes = titled(rig, 1_000, 'née, "X"\r\n--x\n')
    content = csv_file(writes)
    assert len(content) < LONGEST_INLINE
    job = create_ingest_job(rig.org, writes, inline=content)
    results = read_ingest_results(
        rig.org, wait_for_ingest(partial(read_ingest_job, rig.org, job.id), 1_000, no_wait), writes
    )
    assert results["success"].all()
    assert rig.standin.records.get("Contact", writes.keys.iloc[0])["Title"] == 'née, "X"\r\n--x\n'
    assert sent(rig) == ["ingest_jobs", "ingest_job"]


def test_a_job_that_wrote_nothing_needs_no_results(rig: Rig) -> None:
    writes = updates("Contact", [{"Id": one, "Gone__c": "x"} for one in contacts(rig.standin, 3)])
    results = written(rig, writes)
    assert not results["was_sent"].any()
    assert set(results["error_code"]) == {"InvalidBatch"}
    assert set(refusal_classes(results["error_code"], results["error_message"])) == {RefusalClass.PERMISSION}
    assert "ingest_results" not in sent(rig)


def test_a_record_that_is_there_twice_is_never_called_a_success(rig: Rig) -> None:
    once, twice = contacts(rig.standin, 2)
    writes = updates("Contact", [{"Id": one, "Title": "Boss"} for one in (once, twice, twice)])
    assert codes(written(rig, writes)) == [None, "DUPLICATE_VALUE", "DUPLICATE_VALUE"]


def test_a_job_is_polled_by_its_size_and_then_ever_less_often(rig: Rig) -> None:
    rig.standin.settings.bulk_polls = 3
    writes = titled(rig, 5)
    job_id = create_ingest_job(rig.org, writes).id
    upload_csv(rig.org, job_id, csv_file(writes))
    close_ingest_job(rig.org, job_id)
    waits: list[float] = []
    job = wait_for_ingest(partial(read_ingest_job, rig.org, job_id), 40_000, waits.append)
    assert (job.state, job.records_processed) == ("JobComplete", 5)
    assert waits == [20, 40, 80, 120]
    assert next(poll_delays(10 / 2_000)) == 1


def test_another_process_goes_on_with_the_job(rig: Rig) -> None:
    writes = titled(rig, 5)
    job_id = create_ingest_job(rig.org, writes).id
    upload_csv(rig.org, job_id, csv_file(writes))
    other = rig.another_org()
    close_ingest_job(other, job_id)
    job = wait_for_ingest(partial(read_ingest_job, other, job_id), 5, no_wait)
    assert read_ingest_results(other, job, writes)["success"].all()
    assert rig.stop_and_count_logins() == 1


def test_files_are_cut_to_the_length_that_salesforce_takes() -> None:
    writes = updates("Contact", [{"Id": f"{n:018}", "Title": "x" * (n % 50)} for n in range(1_000)])
    files = list(split_files(writes, longest=5_000))
    assert all(len(content) <= 5_000 for _, content in files)
    assert [key for part, _ in files for key in part.records.index] == list(range(1_000))
    assert all(csv_file(part) == content for part, content in files)
    assert [len(part) for part, _ in split_files(writes)] == [1_000]
