"""Whatever an org, a user or Salesforce calls something stays text in its cell, on every page."""

import re
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from prefect import flow

import tasks
from crm_sync.budget.alerts_store import note_backlog
from crm_sync.database.engine import CustomerDatabase
from crm_sync.mapping.model import MappingRules
from crm_sync.mapping.proposal import propose_mapping
from crm_sync.mapping.standard import standard_contact_mapping, standard_lead_mapping
from crm_sync.moments.forecast import Backlog, MomentForecast
from crm_sync.moments.object_checks import MomentObjectsReport, ObjectCheck
from crm_sync.moments.results_store import ResultCounts
from crm_sync.moments.summary import MomentExportSummary
from crm_sync.pull.record_changes_store import RecordChange
from crm_sync.pull.summary import SyncSummary
from crm_sync.push.result import Cause, PushResult
from crm_sync.push.settings import PushSettings, check_settings
from crm_sync.runs.connection_report import ConnectionReport, FieldReport
from crm_sync.runs.counts import Counts
from crm_sync.runs.history_store import end_run, start_run
from crm_sync.salesforce.schema.describe import FieldDescription, Identity
from crm_sync.sobject import SObject
from tasks.pages.activity import publish_activity
from tasks.pages.budget import refresh_budget
from tasks.pages.charts import bar_chart
from tasks.pages.connection import publish_connection
from tasks.pages.mapping_proposal import publish_proposal
from tasks.pages.markdown import escape, link, table
from tasks.pages.moment_objects import publish_moment_objects
from tasks.pages.moments import publish_moments
from tasks.pages.push import publish_push
from tasks.pages.sync import publish_changes, publish_record_changes, publish_summary
from tests.rigs.budget import fill
from tests.rigs.org import artifact

EVIL = "Smith | Sons <b> [x](http://evil.example) `*\nnext"
HOST = "acme.my.salesforce.com"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RULES = MappingRules(contact=standard_contact_mapping(), lead=standard_lead_mapping())


def publish_sync() -> None:
    summary = SyncSummary(
        {SObject.LEAD: Counts(read=1, rejected=1)},
        requests_used=1,
        seconds=1.0,
        rejects=[("Lead", EVIL, 1)],
        reject_examples=[("00Q1", EVIL)],
        missing_fields={SObject.LEAD: [EVIL]},
        org_host=HOST,
    )
    publish_summary("full_sync", summary)
    publish_record_changes("incremental_pull", [RecordChange(SObject.LEAD, "00Q1", EVIL, (EVIL,))], summary)
    publish_changes(
        "incremental_pull",
        replace(summary, changes=pd.DataFrame({"customer": ["1"], "salesforce_id": ["00Q1"], "new": [EVIL]})),
    )


def publish_setup() -> None:
    fields = [FieldReport(SObject.LEAD, EVIL, EVIL, EVIL, is_unique=True)]
    publish_connection(ConnectionReport(Identity(EVIL, EVIL, EVIL, True, HOST), EVIL, 1, 1, 2, {EVIL: 1}, fields, 1))
    described = {
        "Email": FieldDescription("Email", EVIL, "email"),
        "Own__c": FieldDescription("Own__c", EVIL, "string"),
        "Left__c": FieldDescription("Left__c", EVIL, EVIL),
    }
    publish_proposal(replace(propose_mapping({SObject.CONTACT: described}), saved_as=EVIL))


def publish_campaign() -> None:
    result = PushResult(
        EVIL,
        EVIL,
        run=1,
        error=frozenset({2}),
        limit=frozenset({3}),
        causes=(Cause(EVIL, 1, EVIL, can_retry=True, examples=("0031",)),),
        conflicts={EVIL: 1},
        conflict_examples=("0031",),
        waiting=1,
        org_host=HOST,
    )
    publish_push("campaign_push", result, check_settings(PushSettings(fields=["Title"]), RULES))


def publish_contact_moments() -> None:
    publish_moments(
        MomentExportSummary(
            MomentForecast(0, 0, 0), {SObject.LEAD: ResultCounts()}, [], 1, Backlog(), Backlog(), 1, 1.0, limit=EVIL
        )
    )
    check = ObjectCheck(EVIL, exists=True, fields=0, missing=(), unfit=(EVIL,))
    publish_moment_objects(
        MomentObjectsReport((check,), {EVIL: (EVIL,)}, (), None, check_only=True, org_host=EVIL, requests_used=1)
    )


def publish_from_the_database(database: CustomerDatabase) -> None:
    fill(database, 1, NOW, flow=EVIL, kind=EVIL)
    with database.transaction() as connection:
        note_backlog(connection, "org", EVIL, 3, NOW)
        run = start_run(connection, "full_sync", "org", None, NOW)
        end_run(connection, run, state=EVIL, counts={}, requests_used=1, now=NOW)
    publish_activity(database, NOW)
    refresh_budget(database, "org", NOW)


@flow(name="every page")
def publish_every_page(url: str) -> None:
    publish_sync()
    publish_setup()
    publish_campaign()
    publish_contact_moments()
    with closing(CustomerDatabase(url)) as database:
        publish_from_the_database(database)


@pytest.mark.flow
def test_name_neither_breaks_its_cell_nor_is_live_on_any_page(sqlite_url: str, prefect_home: Path) -> None:
    publish_every_page(sqlite_url)

    for key in (
        "full-sync-summary",
        "incremental-pull-changes",
        "connection",
        "mapping-proposal",
        "campaign-push-summary",
        "contact-moment-export-summary",
        "contact-moment-objects",
        "activity",
        "api-budget",
    ):
        page = artifact(key)
        assert "<b" not in page, key
        assert not re.search(r"(?<!\\)\[x|(?m:^next)", page), key
        for lines in re.findall(r"(?:^\|.*\n?)+", page, re.MULTILINE):
            columns = {len(re.findall(r"(?<!\\)\|", line)) for line in lines.splitlines()}
            assert len(columns) == 1, (key, lines)


def test_table_escapes_and_aligns() -> None:
    made = table(("name", "number"), [("a|b", 1234), (None, 2), (link(HOST), 3)])

    assert made.splitlines() == [
        "| name | number |",
        "| --- | ---: |",
        "| a\\|b | 1,234 |",
        "|  | 2 |",
        f"| [{HOST}](https://{HOST}/) | 3 |",
    ]


def test_escaped_text_stays_escaped_once() -> None:
    assert escape(escape("a & <b>")) == "a &amp; &lt;b>"


def test_bar_stands_only_where_something_is() -> None:
    rows = bar_chart("hour", "requests", {"09": 0, "10": 1, "1|1": 240}).splitlines()

    assert rows[2:] == ["| 09 | 0 |  |", "| 10 | 1 | █ |", f"| 1\\|1 | 240 | {'█' * 24} |"]
    assert bar_chart("hour", "requests", {}) == ""
    assert "█" not in bar_chart("hour", "requests", {"09": 0})


def test_record_has_no_link_where_the_address_is_not_known() -> None:
    assert link("", "0031") == "0031"


def test_no_module_makes_a_page_by_hand() -> None:
    for module in Path(tasks.__file__).parent.rglob("*.py"):
        if module.name != "markdown.py":
            found = re.findall(r'create_markdown_artifact|"\| | \|"|---|```', module.read_text())
            assert not found, f"{module}: use tasks.pages.markdown"
