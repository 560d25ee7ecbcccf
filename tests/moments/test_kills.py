"""An export that is killed is finished by the next one: nothing is there twice and nothing is lost."""

import signal
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from crm_sync.database.tables.moments import moment_export
from crm_sync.sobject import SObject
from tests.rigs.kills import KillPoint, prepared_processes, run_and_die
from tests.rigs.moments import BULKY, MomentRig, two_known_people

pytestmark = pytest.mark.flow

LEAD, CONTACT = SObject.LEAD, SObject.CONTACT
STORING = KillPoint("INSERT INTO moment_export", "before")
STORED = KillPoint("INSERT INTO moment_export", "after")
STORING_SECOND = KillPoint("INSERT INTO moment_export", "before", nth=2)
SENDING = KillPoint("INSERT INTO request_ledger", "after", parameter="write")
Kill = Callable[[MomentRig, KillPoint], None]


@pytest.fixture
def org(tmp_path: Path, sqlite_url: str) -> Iterator[MomentRig]:
    """Give an org with a lead and a contact who are customers here."""
    with two_known_people(tmp_path, sqlite_url) as rig:
        yield rig


@pytest.fixture
def many(org: MomentRig) -> MomentRig:
    """Give three requests' worth of moments of the lead."""
    org.record_many(2_500, "ada")
    return org


@pytest.fixture
def bulky(org: MomentRig) -> MomentRig:
    """Give so many moments of the contact that they go by a Bulk job."""
    org.record_many(BULKY, "grace")
    return org


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Return a source of processes that can be killed."""
    return prepared_processes("contact_moment_export")


@pytest.fixture
def kill(processes: ForkServerContext, prefect_home: Path) -> Kill:
    """Return a function that runs an export in a process that dies at a point."""

    def run_until(org: MomentRig, point: KillPoint) -> None:
        blocks = {"salesforce": org.rig.salesforce, "database": org.rig.customers}
        for parameter, block in blocks.items():
            block.save(f"killed-export-{parameter}", overwrite=True)
        names = {parameter: f"killed-export-{parameter}" for parameter in blocks}
        where = (PREFECT_API_URL.value(), str(prefect_home), point, names)
        process = processes.Process(target=run_and_die, args=(*where, "contact_moment_export"))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL

    return run_until


@pytest.mark.parametrize("point", [SENDING, STORING, STORED, STORING_SECOND], ids=lambda point: str(point.moment))
def test_run_that_is_killed_is_finished_by_the_next(many: MomentRig, kill: Kill, point: KillPoint) -> None:
    kill(many, point)

    assert many.export().state == "Completed"

    many.assert_nothing_twice_nothing_lost()
    assert {row["refusal"] for row in many.rows(moment_export)} == {None}


def test_kill_between_salesforces_commit_and_ours_repeats_the_write(many: MomentRig, kill: Kill) -> None:
    kill(many, STORING)
    assert len(many.shown(LEAD)) == 1_000, "Salesforce has to have them, for this to mean anything"
    assert many.rows(moment_export) == []
    ids = {moment: row["Id"] for moment, row in many.shown(LEAD).items()}

    many.export()

    assert {moment: many.shown(LEAD)[moment]["Id"] for moment in ids} == ids
    many.assert_nothing_twice_nothing_lost()


def test_kill_while_a_bulk_job_writes_repeats_the_write(bulky: MomentRig, kill: Kill) -> None:
    kill(bulky, KillPoint("INSERT INTO request_ledger", "after", parameter="bulk_poll"))
    assert bulky.rows(moment_export) == []

    assert bulky.export().state == "Completed"

    bulky.assert_nothing_twice_nothing_lost()
    assert len(bulky.shown(CONTACT)) == BULKY
