"""A run that is killed at any moment, and the next one that goes on from there."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from prefect.settings import get_current_settings

from crm_sync.customers.tables import sync_run
from crm_sync.errors import JobFailedError, LimitReachedError
from crm_sync.mapping import CustomerFieldKind, FieldLink, SObject
from standins.salesforce.faults import Fault
from tests.flows.conftest import Rig
from tests.flows.killed_run import KillPoint

_ROOT = Path(__file__).parents[2]
_PAGE = 100

JOBS_BEGUN = KillPoint("INSERT INTO request_ledger", "statement", parameter="bulk_results")
IN_A_BATCH = KillPoint("INSERT INTO customer", "statement")
BEFORE_FIRST_COMMIT = KillPoint("INSERT INTO customer", "before")
AFTER_FIRST_COMMIT = KillPoint("INSERT INTO customer", "after")
BEFORE_SECOND_COMMIT = KillPoint("INSERT INTO customer", "before", nth=2)
AFTER_SECOND_COMMIT = KillPoint("INSERT INTO customer", "after", nth=2)
SECOND_PAGE = KillPoint("INSERT INTO request_ledger", "after", nth=2, parameter="bulk_results")
CONTACTS_DONE = KillPoint("INSERT INTO watermark", "after")
ALL_DONE = KillPoint("INSERT INTO watermark", "after", nth=2)
FORGOTTEN = KillPoint("DELETE FROM checkpoint", "after")

EVERY_POINT = {
    "jobs begun, no page read": JOBS_BEGUN,
    "in a batch": IN_A_BATCH,
    "before the first commit": BEFORE_FIRST_COMMIT,
    "after the first commit": AFTER_FIRST_COMMIT,
    "before the second commit": BEFORE_SECOND_COMMIT,
    "after the second commit": AFTER_SECOND_COMMIT,
    "second page asked for": SECOND_PAGE,
    "contacts done, leads not": CONTACTS_DONE,
    "all stored": ALL_DONE,
    "all forgotten": FORGOTTEN,
}


def _kill(rig: Rig, point: KillPoint) -> None:
    """Run a full sync in a process that dies at `point`."""
    order: dict[str, object] = {"point": asdict(point)}
    for parameter, block in rig.blocks().items():
        order[parameter] = f"killed-{parameter}"
        block.save(f"killed-{parameter}", overwrite=True)
    # Through its environment the process gets the same Prefect server.
    environment = {**get_current_settings().to_environment_variables(exclude_unset=True), **_own_environment()}
    run = subprocess.run(
        [sys.executable, "-m", "tests.flows.killed_run"],
        cwd=_ROOT, env=environment, input=json.dumps(order), text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == -signal.SIGKILL, run.stdout + run.stderr


def _own_environment() -> dict[str, str]:
    import os

    return dict(os.environ)


@pytest.fixture
def paged(rig: Rig) -> Rig:
    """Give Salesforce's results in pages of 100 records, three for contacts and two for leads."""
    rig.org.settings.bulk_max_records = _PAGE
    return rig


@pytest.fixture
def paged_on_postgresql(paged: Rig, postgresql_url: str) -> Rig:
    """Give the same, into PostgreSQL."""
    return paged.twin(postgresql_url)


@pytest.mark.parametrize("point", EVERY_POINT.values(), ids=list(EVERY_POINT))
def test_killed_run_is_finished_by_the_next(paged: Rig, sqlite_url: str, point: KillPoint) -> None:
    _kill(paged, point)
    paged.sync()

    uninterrupted = paged.twin(sqlite_url.replace("customers", "twin"))
    uninterrupted.sync()
    assert paged.result() == uninterrupted.result()
    assert paged.checkpoints() == []
    assert [row["state"] for row in paged.rows(sync_run)] == ["interrupted", "CompletedWithRejects"]


def test_killed_run_is_finished_by_the_next_on_postgresql(paged_on_postgresql: Rig, sqlite_url: str) -> None:
    for point in (JOBS_BEGUN, BEFORE_SECOND_COMMIT, CONTACTS_DONE):
        _kill(paged_on_postgresql, point)
    paged_on_postgresql.sync()

    uninterrupted = paged_on_postgresql.twin(sqlite_url)
    uninterrupted.sync()
    assert paged_on_postgresql.result() == uninterrupted.result()


def test_finished_pages_are_not_read_again(paged: Rig) -> None:
    _kill(paged, KillPoint("INSERT INTO customer", "before", nth=3))
    job_ids = paged.jobs()
    (contacts,) = [row for row in paged.checkpoints() if row["sobject"] == "Contact"]
    assert contacts["locator"], "the kill has to come after a page, for this to mean anything"
    paged.org.journal.clear()

    summary = paged.sync()

    assert paged.jobs() == job_ids
    assert summary.resumed == [SObject.CONTACT, SObject.LEAD]
    first_page_again = [path for path in paged.results_pages() if contacts["job_id"] in path and "locator=" not in path]
    assert first_page_again == []
    assert f"locator={contacts['locator']}" in paged.results_pages()[0]


def test_finished_object_is_not_read_again(paged: Rig) -> None:
    _kill(paged, CONTACTS_DONE)
    contacts_job = next(row["job_id"] for row in paged.checkpoints() if row["sobject"] == "Contact")
    paged.org.journal.clear()

    summary = paged.sync()

    assert not [entry for entry in paged.org.requests if contacts_job in entry.path]
    assert summary.counts[SObject.CONTACT].read == 0
    assert summary.counts[SObject.LEAD].read == len(paged.people("Lead"))


def test_stored_part_of_a_page_is_skipped(empty_rig: Rig, sqlite_url: str) -> None:
    """A page of several batches: long texts make more than a batch of 300 contacts."""
    link = FieldLink(salesforce_field="Description", kind=CustomerFieldKind.OPTION, name="story")
    contact = empty_rig.mapping.contact
    contact = contact.model_copy(update={"links": [*contact.links, link]})
    empty_rig.mapping = empty_rig.mapping.model_copy(update={"contact": contact})
    for number in range(600):
        person = {"LastName": f"Person {number}", "Email": f"p{number}@planted.example"}
        empty_rig.org.records.insert("Contact", person | {"Description": f"{number} " * 8000})
    _kill(empty_rig, AFTER_FIRST_COMMIT)
    (contacts,) = [row for row in empty_rig.checkpoints() if row["sobject"] == "Contact"]
    assert 0 < contacts["rows_done"] < 600

    summary = empty_rig.sync()

    assert summary.counts[SObject.CONTACT].read == summary.counts[SObject.CONTACT].inserted
    assert summary.counts[SObject.CONTACT].read == 600 - contacts["rows_done"]
    uninterrupted = empty_rig.twin(sqlite_url.replace("customers", "twin"))
    uninterrupted.sync()
    assert empty_rig.result() == uninterrupted.result()


@pytest.fixture
def cut(paged: Rig) -> Iterator[Rig]:
    """Cut a run in the middle of the contacts, as an exhausted day does."""
    refusal = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    paged.org.faults.add(Fault("status", path="/results", nth=3, status=403, body=refusal))
    with pytest.raises(LimitReachedError):
        paged.sync()
    yield paged


def test_vanished_job_is_read_again(cut: Rig, sqlite_url: str) -> None:
    before = cut.jobs()
    for job_id in before:
        cut.org.bulk_jobs.remove(job_id)

    cut.sync()

    assert not set(cut.jobs()) & set(before)
    uninterrupted = cut.twin(sqlite_url.replace("customers", "twin"))
    uninterrupted.sync()
    assert cut.result() == uninterrupted.result()


def test_changed_mapping_starts_its_object_again(cut: Rig) -> None:
    contact = cut.mapping.contact.model_copy(update={"status": "Known"})
    cut.mapping = cut.mapping.model_copy(update={"contact": contact})
    before = cut.jobs()

    summary = cut.sync()

    assert len(set(cut.jobs()) - set(before)) == 1
    assert summary.resumed == [SObject.LEAD]
    assert summary.counts[SObject.CONTACT].read == len(cut.people("Contact"))


def test_start_again_starts_again(cut: Rig) -> None:
    before = cut.jobs()

    summary = cut.sync(start_again=True)

    assert len(set(cut.jobs()) - set(before)) == 2
    assert summary.resumed == []
    assert summary.total.read == len(cut.people("Contact")) + len(cut.people("Lead"))


def test_job_that_salesforce_failed_is_started_again_by_the_next_run(rig: Rig) -> None:
    rig.org.bulk_jobs.fail_next("InternalServerError : retries exceeded")
    with pytest.raises(JobFailedError, match="retries exceeded"):
        rig.sync()

    assert rig.sync().total.read == len(rig.people("Contact")) + len(rig.people("Lead"))


def test_job_that_died_of_the_days_limit_is_started_again_by_the_next_run(rig: Rig) -> None:
    rig.org.bulk_jobs.fail_next("LIMIT_EXCEEDED : Max bulk v2 query results (1 TB) per 24 hrs has been reached")
    with pytest.raises(LimitReachedError):
        rig.sync()

    assert rig.sync().total.read == len(rig.people("Contact")) + len(rig.people("Lead"))
