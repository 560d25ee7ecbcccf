"""What goes wrong during a pull: after the next run the database is the same as if nothing had."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL
from sqlalchemy import create_engine, insert

from crm_sync.database.engine import parse_url
from crm_sync.database.tables.customers import request_ledger
from crm_sync.errors import LimitReachedError, SyncError
from standins.salesforce.http.faults import Fault
from tests.rigs.breakers import let_the_pause_pass
from tests.rigs.kills import KilledError, KillPoint, killed_at, prepared_processes, run_and_die
from tests.rigs.org import Result, Rig, start_rig

pytestmark = pytest.mark.flow

_DAY_IS_OVER = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
_BUSY = [{"errorCode": "SERVER_UNAVAILABLE", "message": "try again"}]
_CURSOR_GONE = [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]
_NOT_IN_COMPOSITE = [{"errorCode": "INVALID_INPUT", "message": "not a valid resource"}]
# 47 changed contacts on pages of 20: the first page, and two to follow.
_CHANGES, _PAGE = 47, 20


def _much_changes(rig: Rig) -> None:
    rig.sync()
    rig.clock.move(hours=1)
    people = [row["Id"] for row in rig.people("Contact") if not row["IsDeleted"]]
    for number in range(_CHANGES - 4):
        rig.org.records.insert("Contact", {"LastName": "New", "Email": f"new{number}@example.org"})
    rig.org.records.update("Contact", people[0], {"Email": "moved@example.org"})
    rig.org.records.delete("Contact", people[1])
    rig.org.records.merge("Contact", people[2], people[3])
    lead = next(row for row in rig.people("Lead") if not row["IsDeleted"] and not row["IsConverted"])
    rig.org.records.convert(lead["Id"])


def _start(folder: Path, url: str) -> Iterator[Rig]:
    with start_rig(folder, url, 40, _much_changes) as rig:
        rig.org.settings.page_size = _PAGE
        yield rig


@pytest.fixture
def changed(tmp_path: Path, database_url: str) -> Iterator[Rig]:
    """Start an org in which much has changed since its full sync."""
    yield from _start(tmp_path, database_url)


@pytest.fixture(scope="module")
def untroubled(prefect_home: object, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return what the pull comes to when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("untroubled-pull")
    for rig in _start(folder, f"sqlite:///{folder}/customers.db"):
        rig.pull()
        return _without_stamps(rig.result())
    raise AssertionError


def _without_stamps(result: Result) -> Result:
    """Leave out Salesforce's stamps: every org made its changes at another moment."""
    return {
        name: [
            {k: v for k, v in row.items() if k not in {"system_modstamp", "deleted_in_salesforce_at"}} for row in rows
        ]
        for name, rows in result.items()
    }


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset_after", path="/composite"),
        Fault("truncate", path="/composite", keep=300, nth=2),
        Fault("expire_session", path="/composite", nth=2),
        Fault("status", path="/query/", status=400, body=_CURSOR_GONE, inner=True),
        Fault("reset", path="/composite"),
        Fault("truncate", path="/composite", keep=300),
        Fault("html", path="/composite", status=500),
        Fault("html", path="/composite", status=502),
        Fault("empty", path="/composite", status=503),
        Fault("reset_after", path="/composite", nth=2),
        Fault("expire_session", path="/composite"),
        Fault("status", path="queryAll", status=400, body=_BUSY, inner=True),
        Fault("status", path="/query/", status=400, body=_BUSY, inner=True),
        Fault("status", path="/query/", status=404, body=_NOT_IN_COMPOSITE, inner=True),
    ],
    ids=lambda fault: f"{fault.action}-{fault.status}-{fault.nth}-{'inner' if fault.inner else 'outer'}",
)
def test_broken_answer_is_asked_for_again(tmp_path: Path, sqlite_url: str, untroubled: Result, fault: Fault) -> None:
    for rig in _start(tmp_path, sqlite_url):
        rig.org.faults.add(fault)

        summary = rig.pull()

        assert not rig.org.faults.due("POST", "/composite"), "the fault has to have happened"
        assert _without_stamps(rig.result()) == untroubled
        assert summary.requests_used == len(rig.org.requests) == len(_ledger_of_pull(rig))


def _ledger_of_pull(rig: Rig) -> list[Any]:
    return [row for row in rig.rows(request_ledger) if row["flow"] == "incremental_pull"]


@pytest.mark.parametrize("nth", [1, 2])
def test_day_that_is_used_up_cuts_the_pull_and_the_next_completes_it(
    changed: Rig, untroubled: Result, nth: int
) -> None:
    changed.org.faults.add(Fault("status", path="/composite", status=403, body=_DAY_IS_OVER, nth=nth))
    before = changed.result()

    with pytest.raises(LimitReachedError):
        changed.pull()

    assert changed.result() == before
    let_the_pause_pass(changed)
    changed.pull()
    assert _without_stamps(changed.result()) == untroubled


def test_hour_that_is_used_up_in_the_middle_cuts_the_pull(changed: Rig, untroubled: Result) -> None:
    made = len(changed.rows(request_ledger))
    row = {
        "org": changed.salesforce.username,
        "at": changed.clock() - changed.clock.ahead,
        "flow": "x",
        "kind": "query",
    }
    kept_for_pushes_and_withdrawals = 72 + 36
    _execute(changed, insert(request_ledger), [row] * (3600 - kept_for_pushes_and_withdrawals - made - 1))

    with pytest.raises(LimitReachedError, match="in the last hour"):
        changed.pull()

    assert len(changed.org.requests) == 1
    _execute(changed, request_ledger.delete(), None)
    changed.pull()
    assert _without_stamps(changed.result()) == untroubled


def _execute(rig: Rig, statement: Any, rows: Any) -> None:
    engine = create_engine(parse_url(rig.customers.url.get_secret_value()))
    with engine.begin() as connection:
        connection.execute(statement, rows)
    engine.dispose()


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("database_url", "step", "nth", "moment"),
    [
        # Each batch, statement and moment; the other ways to put them together are of the long run.
        ("sqlite", "INSERT INTO salesforce_record", 1, "before"),
        ("sqlite", "INSERT INTO salesforce_record", 2, "statement"),
        ("sqlite", "UPDATE watermark", 1, "statement"),
        ("sqlite", "UPDATE watermark", 2, "before"),
        ("sqlite", "INSERT INTO salesforce_record", 1, "statement"),
        ("sqlite", "INSERT INTO salesforce_record", 2, "before"),
        ("sqlite", "UPDATE watermark", 1, "before"),
        ("sqlite", "UPDATE watermark", 2, "statement"),
        ("postgresql", "INSERT INTO salesforce_record", 2, "before"),
        ("postgresql", "UPDATE watermark", 1, "statement"),
    ],
    indirect=["database_url"],
)
def test_kill_while_storing_loses_nothing(
    changed: Rig, untroubled: Result, *, step: str, nth: int, moment: str
) -> None:
    """The process ends at a statement inside of a batch's transaction, or just before its commit."""
    with killed_at(KillPoint(step, moment, nth)), pytest.raises(KilledError):
        changed.pull()
    changed.pull()

    assert _without_stamps(changed.result()) == untroubled


def test_database_that_goes_away_loses_nothing(changed: Rig, untroubled: Result) -> None:
    url = changed.customers.url
    changed.customers.url = type(url)("postgresql://nobody@127.0.0.1:1/none")
    with suppress(SyncError):
        changed.pull()
    changed.customers.url = url

    changed.pull()

    assert _without_stamps(changed.result()) == untroubled


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Return a source of processes that can be killed."""
    return prepared_processes("incremental_pull")


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "point",
    [
        KillPoint("INSERT INTO salesforce_record", "after"),
        KillPoint("UPDATE watermark", "before"),
        KillPoint("INSERT INTO request_ledger", "after", parameter="query"),
        KillPoint("INSERT INTO customer", "before"),
        KillPoint("UPDATE watermark", "after"),
    ],
    ids=lambda point: f"{point.moment} {point.statement.rpartition(' ')[2]}",
)
def test_killed_pull_is_finished_by_the_next(
    changed: Rig, untroubled: Result, processes: ForkServerContext, prefect_home: Path, point: KillPoint
) -> None:
    names = {parameter: f"killed-pull-{parameter}" for parameter in changed.blocks()}
    for parameter, block in changed.blocks().items():
        block.save(names[parameter], overwrite=True)
    where = (PREFECT_API_URL.value(), str(prefect_home), point, names)
    process = processes.Process(target=run_and_die, args=(*where, "incremental_pull"))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL

    changed.pull()

    assert _without_stamps(changed.result()) == untroubled
