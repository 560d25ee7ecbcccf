"""A run that is killed at any moment, and the next one that goes on from there."""

import signal
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from crm_sync.database.tables.customers import sync_run
from crm_sync.errors import JobFailedError, LimitReachedError
from crm_sync.mapping.model import CustomerFieldKind, FieldLink
from crm_sync.sobject import SObject
from standins.salesforce.http.faults import Fault
from tests.rigs.breakers import let_the_pause_pass
from tests.rigs.kills import KillPoint, prepared_processes, run_and_die
from tests.rigs.org import Result, Rig, start_rig

pytestmark = pytest.mark.flow

Kill = Callable[[Rig, KillPoint], None]
_PAGE = 150

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


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Return a source of processes that can be killed."""
    return prepared_processes("full_sync")


@pytest.fixture
def kill(processes: ForkServerContext, prefect_home: Path) -> Kill:
    """Return a function that runs a full sync in a process that dies at a point."""

    def run_until(rig: Rig, point: KillPoint) -> None:
        names = {parameter: f"killed-{parameter}" for parameter in rig.blocks()}
        for parameter, block in rig.blocks().items():
            block.save(names[parameter], overwrite=True)
        where = (PREFECT_API_URL.value(), str(prefect_home), point, names)
        process = processes.Process(target=run_and_die, args=(*where, "full_sync"))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL

    return run_until


@pytest.fixture
def paged(rig: Rig) -> Rig:
    """Give Salesforce's results in two pages for contacts and two for leads."""
    rig.org.settings.bulk_max_records = _PAGE
    return rig


@pytest.fixture
def paged_on_postgresql(paged: Rig, postgresql_url: str) -> Rig:
    """Give the same, into PostgreSQL."""
    return paged.twin(postgresql_url)


@pytest.fixture(scope="module")
def uninterrupted(prefect_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return what a run comes to that nobody interrupts; every org here has the same people."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    with start_rig(folder, f"sqlite:///{folder}/customers.db") as rig:
        rig.sync()
        return rig.result()


@pytest.mark.sample(3)
@pytest.mark.parametrize("point", EVERY_POINT.values(), ids=list(EVERY_POINT))
def test_killed_run_is_finished_by_the_next(paged: Rig, point: KillPoint, kill: Kill, uninterrupted: Result) -> None:
    kill(paged, point)
    paged.sync()

    assert paged.result() == uninterrupted
    assert paged.checkpoints() == []
    states = [row["state"] for row in paged.rows(sync_run)]
    assert states[0] == "interrupted"
    assert states[1].startswith("Completed")


def test_killed_run_is_finished_by_the_next_on_postgresql(
    paged_on_postgresql: Rig, kill: Kill, uninterrupted: Result
) -> None:
    for point in (BEFORE_SECOND_COMMIT, CONTACTS_DONE):
        kill(paged_on_postgresql, point)
    paged_on_postgresql.sync()

    assert paged_on_postgresql.result() == uninterrupted


def test_finished_pages_are_not_read_again(paged: Rig, kill: Kill) -> None:
    kill(paged, BEFORE_SECOND_COMMIT)
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


def test_finished_object_is_not_read_again(paged: Rig, kill: Kill) -> None:
    kill(paged, CONTACTS_DONE)
    contacts_job = next(row["job_id"] for row in paged.checkpoints() if row["sobject"] == "Contact")
    paged.org.journal.clear()

    summary = paged.sync()

    assert not [entry for entry in paged.org.requests if contacts_job in entry.path]
    assert summary.counts[SObject.CONTACT].read == 0
    assert summary.counts[SObject.LEAD].read == len(paged.people("Lead"))


def test_stored_part_of_a_page_is_skipped(empty_rig: Rig, sqlite_url: str, kill: Kill) -> None:
    """A page of several batches: long texts make two batches of 450 contacts."""
    link = FieldLink(salesforce_field="Description", kind=CustomerFieldKind.OPTION, name="story")
    contact = empty_rig.mapping.contact
    contact = contact.model_copy(update={"links": [*contact.links, link]})
    empty_rig.mapping = empty_rig.mapping.model_copy(update={"contact": contact})
    for number in range(450):
        person = {"LastName": f"Person {number}", "Email": f"p{number}@planted.example"}
        empty_rig.org.records.insert("Contact", person | {"Description": f"{number} " * 8000})
    kill(empty_rig, AFTER_FIRST_COMMIT)
    (contacts,) = [row for row in empty_rig.checkpoints() if row["sobject"] == "Contact"]
    assert 0 < contacts["rows_done"] < 450

    summary = empty_rig.sync()

    assert summary.counts[SObject.CONTACT].read == summary.counts[SObject.CONTACT].inserted
    assert summary.counts[SObject.CONTACT].read == 450 - contacts["rows_done"]
    twin = empty_rig.twin(sqlite_url.replace("customers", "twin"))
    twin.sync()
    assert empty_rig.result() == twin.result()


@pytest.fixture
def cut(paged: Rig) -> Rig:
    """Cut a run in the middle of the contacts, as an exhausted day does."""
    refusal = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    paged.org.faults.add(Fault("status", path="/results", nth=2, status=403, body=refusal))
    with pytest.raises(LimitReachedError):
        paged.sync()
    let_the_pause_pass(paged)
    return paged


def test_vanished_job_is_read_again(cut: Rig, uninterrupted: Result) -> None:
    before = cut.jobs()
    for job_id in before:
        cut.org.bulk_jobs.remove(job_id)

    cut.sync()

    assert not set(cut.jobs()) & set(before)
    assert cut.result() == uninterrupted


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
