"""A run for which too few requests are left writes as much as they allow; the next one goes on from there."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, delete, insert

from crm_sync.database.engine import parse_url
from crm_sync.database.tables.customers import request_ledger, sync_run
from crm_sync.sobject import SObject
from flows.campaign_push import campaign_push
from tasks.run.ledger import open_ledger
from tasks.run.run import utc_now
from tests.rigs.moments import MomentRig, two_known_people
from tests.rigs.org import Rig, start_rig
from tests.rigs.pushes import CAMPAIGN, Pushes

pytestmark = pytest.mark.flow


@pytest.fixture
def moments(tmp_path: Path, sqlite_url: str) -> Iterator[MomentRig]:
    """Start an org with two people whose moments are to be exported."""
    with two_known_people(tmp_path, sqlite_url) as started:
        yield started


def _leave(rig: Rig, flow: str, requests: int) -> None:
    """Let a flow have used up its hour but for so many requests."""
    with closing(rig.customers.open()) as database:
        ledger = open_ledger(database, rig.salesforce.org_key, flow, utc_now, None)
        used = ledger.headroom(utc_now()).hour - requests
        row = {"org": ledger.org, "at": utc_now(), "flow": flow, "kind": "query", "status": 200}
        with database.transaction() as connection:
            connection.execute(insert(request_ledger), [row] * used)


def _let_the_hour_pass(rig: Rig) -> None:
    engine = create_engine(parse_url(rig.customers.url.get_secret_value()))
    with engine.begin() as connection:
        connection.execute(delete(request_ledger).where(request_ledger.c.at < utc_now() + timedelta(hours=1)))
    engine.dispose()


def test_export_writes_as_many_as_fit(moments: MomentRig) -> None:
    moments.record_many(2_500, "ada")
    _leave(moments.rig, "contact_moment_export", 2)

    state = moments.state()

    assert (state.name, state.is_failed()) == ("CutByLimit", True)
    assert moments.kinds() == ["composite", "composite"]
    assert len(moments.shown(SObject.LEAD)) == 2_000
    assert [row["requests_forecast"] for row in moments.rows(sync_run)][-1] == 3
    _let_the_hour_pass(moments.rig)
    assert moments.state().name == "Completed"
    assert len(moments.shown(SObject.LEAD)) == 2_500


def test_push_sends_withdrawals_of_consent_first_and_the_rest_until_the_limit(tmp_path: Path, sqlite_url: str) -> None:
    with start_rig(tmp_path, sqlite_url, people=2_200) as rig:
        rig.sync()
        pushes = Pushes(rig, options={"customer_wins": True})
        ids = pushes.enter_changed(1_100, job_title="Sailor")
        pushes.change(ids[-3:], opt_in=False)
        _leave(rig, "campaign_push", 2)

        result = campaign_push(CAMPAIGN, settings=pushes.settings(), **rig.blocks())

        assert (len(result.success), result.error, result.cut != "") == (1_000, frozenset(), True)
        assert result.limit == set(ids) - result.success
        assert result.limit >= set(ids[-3:])
        assert pushes.have_opted_out(ids[-3:])
        assert [row["requests_forecast"] for row in rig.rows(sync_run)][-1] == 2 + 2 + 1
        _let_the_hour_pass(rig)
        assert pushes.retry("limit").success == result.limit


def test_withdrawals_of_consent_have_requests_of_their_own(rig: Rig) -> None:
    rig.sync()
    pushes = Pushes(rig)
    mailed = [row["id"] for row in pushes.people() if row["opt_in"]]
    both, only, title = mailed[:2], mailed[2:4], mailed[4:6]
    pushes.change(both + title, job_title="Sailor")
    pushes.change(both + only, opt_in=False)
    pushes.enter(both + only + title)
    _leave(rig, "campaign_push", 1)
    rig.org.journal.clear()

    result = campaign_push(CAMPAIGN, settings=pushes.settings(), **rig.blocks())

    assert (result.success, result.limit) == (set(only), set(both + title))
    assert rig.requests() == ["composite"] * 3, "two for the withdrawals, and the last one of the push"
    records = [pushes.record(one) for one in both + only + title]
    assert [bool(record["HasOptedOutOfEmail"]) for record in records] == [True] * 4 + [False] * 2
    assert "Sailor" not in {record["Title"] for record in records}
    _let_the_hour_pass(rig)
    assert pushes.retry("limit").success == set(both + title)
    assert [pushes.record(one)["Title"] for one in both] == ["Sailor"] * 2
