"""The page of health: its first words say whether all is well, and why not."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from crm_sync.exchange.connection_store import note_connection
from crm_sync.push.queue_store import enter_campaign
from crm_sync.runs.counts import Counts
from crm_sync.runs.health_store import Health, read_health
from crm_sync.runs.history_store import end_run, start_run
from crm_sync.runs.states import RunState
from crm_sync.sobject import SObject
from flows.api_budget import api_budget
from tasks.run.run import utc_now
from tests.rigs.org import Rig, artifact

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def _health(database: CustomerDatabase, *runs: tuple[str, str, float]) -> Health:
    """Return the health after runs: flow, state, hours ago."""
    with database.transaction() as connection:
        for flow, state, ago in runs:
            at = NOW - timedelta(hours=ago)
            run = start_run(connection, flow, "org", None, at)
            counts = {SObject.CONTACT: Counts(read=5, updated=2, unchanged=3)}
            end_run(connection, run, state=state, counts=counts, requests_used=2, now=at)
        return read_health(connection, NOW)


def test_first_words_are_the_verdict(database_url: str) -> None:
    # Each after those before it, so that every line adds its own run.
    told = (
        ((), "Nothing has run yet: run full-sync first."),
        (("full_sync", "Completed", 0.5), "All is well: every direction works, nothing waits."),
        (("full_sync", "Completed", 30), "Needs a look: no incremental pull has succeeded yet; nothing waits."),
        (
            ("incremental_pull", "Completed", 5),
            "Needs a look: no incremental pull has succeeded since 2026-03-04",
        ),
        (("incremental_pull", "CutByLimit", 0.5), "Needs a look: no incremental pull has succeeded since 2026-03-04"),
        (("incremental_pull", "Failed", 2), "Needs a look: the last incremental pull ended as Failed;"),
        (("incremental_pull", "CompletedWithRejects", 0.1), "All is well: every direction works, nothing waits."),
        (("campaign_push", "NobodyWaits", 0.1), "Needs a look: the last campaign push ended as NobodyWaits;"),
        (("campaign_push", "CompletedWithErrors", 0), "All is well: every direction works, nothing waits."),
    )
    with closing(CustomerDatabase(database_url)) as database:
        for run, sentence in told:
            health = _health(database, *[one for one in (run,) if one])
            assert health.sentence(NOW).startswith(sentence), run


def test_what_was_sent_again_counts_as_sent(database_url: str) -> None:
    with closing(CustomerDatabase(database_url)) as database:
        _health(database, ("campaign_push", "CutByLimit", 0.5))
        health = _health(database, ("retry_outputs", "Completed", 0.1))

    (campaigns,) = [one for one in health.directions if one.flow == "campaign_push"]
    assert campaigns.last_state == "Completed"
    assert campaigns.succeeded_at is not None


def test_an_account_has_directions_and_people_of_its_own(database_url: str) -> None:
    with closing(CustomerDatabase(database_url)) as database:
        health = _health(database, ("full_sync", "Completed", 0.5))
        assert not [one for one in health.directions if "deployteq" in one.flow]
        assert health.in_deployteq is None

        with database.transaction() as connection:
            note_connection(connection, "brand", paired_at=NOW)
        health = _health(database, ("deployteq_exchange", "DeployteqUnavailable", 0.1))

        with database.transaction() as connection:
            alone = read_health(connection, NOW, with_account=False)

    assert health.in_deployteq == 0
    assert health.sentence(NOW).startswith("Needs a look: the last Deployteq exchange ended as DeployteqUnavailable;")
    # The account was taken away since.
    assert alone.in_deployteq is None
    assert alone.sentence(NOW).startswith("All is well:")
    assert not [name for name in alone.refused if "Deployteq" in name]


def test_days_add_up_what_the_runs_did(database_url: str) -> None:
    with closing(CustomerDatabase(database_url)) as database:
        health = _health(
            database, ("incremental_pull", RunState.COMPLETED, 1), ("incremental_pull", RunState.COMPLETED, 25)
        )

    assert [(day.read, day.changed, day.requests) for day in health.days.values()] == [(0, 0, 0)] * 5 + [(5, 2, 2)] * 2


@pytest.mark.flow
def test_page_has_both_sides_and_leads_to_the_others(rig: Rig) -> None:
    rejected = rig.sync().total.rejected
    with closing(rig.customers.open()) as database, database.transaction() as connection:
        enter_campaign(connection, "spring", [row["id"] for row in rig.rows(customer)[:3]], utc_now())
        # An account was connected once, and its block is gone.
        note_connection(connection, "brand", paired_at=NOW)
        cut = start_run(connection, "campaign_push", rig.org.organization_id, None, NOW)
        end_run(connection, cut, state=RunState.CUT_BY_LIMIT, counts={}, requests_used=2, now=NOW)

    api_budget(rig.salesforce, rig.customers)

    page = artifact("health")
    said = "Needs a look: no incremental pull has succeeded yet; 3 wait for the next run"
    assert page.splitlines()[2].startswith(said)
    assert "| customers in campaigns | 3 |  |  |" in page
    assert f"| records from Salesforce |  | {rejected} |  |" in page
    assert f"| Contacts in Salesforce, as last read | {len(rig.people('Contact')):,} |  |" in page
    assert "(/v2/artifacts/key/activity)" in page
    assert "| not yet | 2026-03-04 12:00 | CutByLimit |" in page
    assert "Deployteq" not in page
