"""Formulas and fields of a parent change without a stamp: a pull reads them again as often as the mapping says."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, update

from crm_sync.database.engine import parse_url
from crm_sync.database.tables.customers import customer, sync_run, watermark
from crm_sync.mapping.model import CustomerFieldKind, FieldLink
from crm_sync.mapping.unstamped import FormulaReading
from tests.rigs.org import FEW, Rig, settled, start_rig
from tests.rigs.pulls import add_contact, customers_by_key

pytestmark = pytest.mark.flow

_OPTION = CustomerFieldKind.OPTION
_NEVER, _DAILY, _HOURLY = FormulaReading


def _with_formulas(rig: Rig) -> None:
    """Link a formula and a field of a parent, and sync."""
    rig.org.change_field("Contact", "Score__c", createable=False, updateable=False, calculated=True)
    rig.mapping.contact.links += [
        FieldLink(salesforce_field="Score__c", kind=_OPTION, name="score"),
        FieldLink(salesforce_field="Account.Industry", kind=_OPTION, name="industry"),
    ]
    settled(rig)


@pytest.fixture
def both(tmp_path: Path, database_url: str) -> Iterator[Rig]:
    """Start an org with a formula field, synced an hour ago."""
    with start_rig(tmp_path, database_url, FEW, _with_formulas) as rig:
        # The definition of a field is not in the org's file.
        rig.org.change_field("Contact", "Score__c", createable=False, updateable=False, calculated=True)
        yield rig


def _read_ago(rig: Rig, **ago: float) -> None:
    """Let formulas have been read so long ago."""
    engine = create_engine(parse_url(rig.customers.url.get_secret_value()))
    with engine.begin() as connection:
        for org, sobject, at in connection.execute(
            select(watermark.c.org, watermark.c.sobject, watermark.c.formulas_read_at)
        ).all():
            row = (watermark.c.org == org, watermark.c.sobject == sobject)
            connection.execute(update(watermark).where(*row).values(formulas_read_at=at - timedelta(**ago)))
    engine.dispose()


def _contact(rig: Rig) -> tuple[str, str]:
    """Return a contact who is a customer's source, and its account."""
    sources = {row["salesforce_id"] for row in rig.rows(customer)}
    found = next(row for row in rig.people("Contact") if row["Id"] in sources and row["AccountId"])
    return found["Id"], found["AccountId"]


def _recalculate(rig: Rig) -> str:
    contact, account = _contact(rig)
    rig.org.records.recalculate("Contact", contact, {"Score__c": 12.0})
    rig.org.records.update("Account", account, {"Industry": "Banking"})
    return contact


def _options(rig: Rig, contact: str) -> tuple[object, object]:
    options = next(row["options"] for row in rig.rows(customer) if row["salesforce_id"] == contact)
    return options.get("score"), options.get("industry")


@pytest.mark.both
@pytest.mark.parametrize(
    ("setting", "ago", "arrives"),
    [
        (_NEVER, {"days": 6}, False),
        (_DAILY, {"hours": 22}, False),
        (_DAILY, {"hours": 24}, True),
        (_HOURLY, {"minutes": 65}, True),
    ],
)
def test_what_changes_without_a_stamp_comes_as_often_as_the_mapping_says(
    both: Rig, setting: FormulaReading, ago: dict[str, float], arrives: bool
) -> None:
    both.mapping.formulas = setting
    _read_ago(both, **ago)
    contact = _recalculate(both)

    summary = both.pull()

    assert (_options(both, contact) == (12, "Banking")) is arrives
    again = ["describe", "describe", "describe", "composite"]
    assert both.requests() == (again if arrives else ["composite"])
    assert summary.state == "Completed"
    if arrives:
        # Several contacts may share the account.
        assert summary.total.read == summary.total.updated + summary.total.superseded + summary.total.unchanged > 0
        both.org.journal.clear()
        assert both.pull().total.written == 0
        assert both.requests() == ["composite"], "and not again before its time"
        _read_ago(both, days=2)
        assert both.pull().total.read == 0, "nothing differs any more, so nothing lands"


def test_what_was_changed_here_stays_and_a_full_sync_counts_as_a_reading(both: Rig) -> None:
    both.mapping.formulas = _DAILY
    contact = _recalculate(both)
    engine = create_engine(parse_url(both.customers.url.get_secret_value()))
    with engine.begin() as connection:
        connection.execute(update(customer).where(customer.c.salesforce_id == contact).values(job_title="Ours"))
    engine.dispose()
    _read_ago(both, days=2)

    both.pull()

    row = next(row for row in both.rows(customer) if row["salesforce_id"] == contact)
    assert (row["job_title"], row["options"]["score"]) == ("Ours", 12)
    _read_ago(both, days=2)
    both.sync()
    both.org.journal.clear()
    both.pull()
    assert both.requests() == ["composite"]


def test_more_than_a_page_is_read_in_the_fewest_requests_and_forecast(both: Rig) -> None:
    both.mapping.formulas = _DAILY
    both.org.settings.page_size = 5
    _read_ago(both, days=2)
    contact = _recalculate(both)

    both.pull()

    assert _options(both, contact) == (12, "Banking")
    assert "bulk_jobs" in both.requests(), "many pages cost more than a job"
    assert both.requests().count("composite") == 1


def test_dry_run_shows_a_changed_formula_costs_what_it_forecasts_and_counts_as_no_reading(both: Rig) -> None:
    both.mapping.formulas = _DAILY
    both.org.settings.page_size = 5
    _read_ago(both, days=2)
    contact = _recalculate(both)
    for _ in range(2):
        both.org.journal.clear()
        assert both.pull(dry_run=True).total.updated > 0
        run = both.rows(sync_run)[-1]
        assert run["requests_used"] == len(both.requests())
        assert abs(run["requests_forecast"] - run["requests_used"]) <= 1, "a poll more or less"
    assert _options(both, contact) != (12, "Banking")

    both.pull()

    assert _options(both, contact) == (12, "Banking")


def test_formulas_wait_for_a_full_sync_that_is_due_anyway(both: Rig) -> None:
    both.mapping.formulas = _HOURLY
    both.mapping.contact.links.append(FieldLink(salesforce_field="Department", kind=_OPTION, name="department"))
    _read_ago(both, days=2)
    contact = _recalculate(both)

    summary = both.pull()

    assert summary.full_sync_due
    assert _options(both, contact) != (12, "Banking")


def test_formula_that_says_no_stops_the_mail(both: Rig) -> None:
    flag = {"createable": False, "updateable": False, "calculated": True}
    both.org.change_field("Contact", "Email_Opt_In__c", **flag)
    links = [link for link in both.mapping.contact.links if link.name != "opt_in"]
    both.mapping.contact.links = [*links, FieldLink(salesforce_field="Email_Opt_In__c", name="opt_in")]
    both.mapping.formulas = _DAILY
    both.sync(approve_changes=True)
    contact = add_contact(both, Email="formula@example.org")
    both.org.records.recalculate("Contact", contact, {"Email_Opt_In__c": 1})
    both.pull()
    assert customers_by_key(both)["formula@example.org"]["opt_in"] is True
    both.org.records.recalculate("Contact", contact, {"Email_Opt_In__c": 0})
    _read_ago(both, days=2)

    both.pull()

    assert customers_by_key(both)["formula@example.org"]["opt_in"] is False


def test_records_outside_of_the_condition_are_left_alone(both: Rig) -> None:
    both.mapping.formulas = _DAILY
    contact = _recalculate(both)
    both.mapping.contact.condition = f"Id = '{contact}'"
    both.sync()
    before = both.result()["customer"]
    for row in both.people("Contact"):
        both.org.records.recalculate("Contact", row["Id"], {"Score__c": 77.0})
    _read_ago(both, days=2)

    both.pull()

    changed = [row for row in both.result()["customer"] if row not in before]
    assert [row["salesforce_id"] for row in changed] == [contact]
