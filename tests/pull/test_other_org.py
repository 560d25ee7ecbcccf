"""The customer database belongs to one org: another one is refused until a person says what it is."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.database.tables.consent import installation
from crm_sync.database.tables.customers import checkpoint, customer, salesforce_record, watermark
from crm_sync.errors import ConfigurationError
from crm_sync.organisation.bound_store import OtherOrg
from flows.campaign_push import campaign_push
from flows.contact_moment_export import contact_moment_export
from flows.retry_outputs import retry_outputs
from tests.rigs.org import Rig, start_rig
from tests.rigs.pulls import customers_by_key

pytestmark = pytest.mark.flow

OLD, NEW = "ada@sandbox.example", "ada@example.org"


def _person(rig: Rig, email: str, days_ago: int, **fields: Any) -> str:
    at = rig.clock() - timedelta(days=days_ago)
    return rig.org.records.insert("Contact", {"LastName": "Lovelace", "Email": email, **fields}, at=at)


@pytest.fixture
def sandbox(tmp_path: Path, database_url: str) -> Iterator[Rig]:
    """Sync a sandbox whose contact was edited today."""
    with start_rig(tmp_path, database_url, people=0) as rig:
        _person(rig, OLD, 0, Title="Pilot")
        rig.sync()
        yield rig


@pytest.fixture
def production(sandbox: Rig, tmp_path: Path, database_url: str) -> Iterator[Rig]:
    """Start an org with the same record Id, last edited a month ago, opted out, with another address."""
    folder = tmp_path / "production"
    folder.mkdir()
    with start_rig(folder, database_url, people=0, organization_number=2, organization_name="Production") as rig:
        same_id = _person(rig, NEW, 30, HasOptedOutOfEmail=True)
        assert same_id == sandbox.rows(salesforce_record)[0]["id"]
        yield rig


def _everything(rig: Rig) -> list[Any]:
    return [rig.rows(table) for table in (customer, salesforce_record, watermark, checkpoint, installation)]


def test_database_remembers_the_org_by_its_id_and_name(sandbox: Rig) -> None:
    kept = {row["name"]: row["value"] for row in sandbox.rows(installation)}

    assert kept["organisation_id"] == sandbox.org.organization_id
    assert kept["organisation_name"] == "Demo Org"


def test_every_flow_refuses_another_org_before_anything_is_written(production: Rig) -> None:
    rig, before = production, _everything(production)
    step = SalesforceSynchronize(fields=["Title"])
    ways: dict[str, Callable[[], object]] = {
        "sync": rig.sync,
        "pull": rig.pull,
        "push": lambda: campaign_push("spring", **rig.blocks(), settings=step, customer_ids=[1]),
        "retry": lambda: retry_outputs("spring", **rig.blocks(), settings=step),
        "moments": lambda: contact_moment_export(rig.salesforce, rig.customers),
    }

    for name, run in ways.items():
        with pytest.raises(ConfigurationError, match=r"Demo Org \(00D.{15}\).*Production \(00D.{15}\).*box Sandbox"):
            run()
        assert _everything(rig) == before, name
    assert set(rig.requests()) <= {"login"}


@pytest.mark.both
def test_same_org_moved_gives_its_own_values_and_keeps_every_no(production: Rig) -> None:
    rig = production

    rig.sync(other_org=OtherOrg.SAME_ORG.value)
    rig.pull()

    (ada,) = rig.rows(customer)
    assert (ada["unique_key"], ada["email_address"], ada["opt_in"]) == (NEW, NEW, False)
    assert ada["job_title"] is None
    assert rig.sync().state == "Completed"


def test_no_of_the_org_before_stands_where_the_other_one_says_yes(production: Rig, sandbox: Rig) -> None:
    rig = production
    (contact,) = rig.people("Contact")
    sandbox.org.records.update("Contact", contact["Id"], {"HasOptedOutOfEmail": True, "Email": NEW})
    sandbox.clock.move(hours=1)
    sandbox.pull()
    rig.org.records.update("Contact", contact["Id"], {"HasOptedOutOfEmail": False})

    rig.sync(other_org=OtherOrg.SAME_ORG.value)

    assert customers_by_key(rig)[NEW]["opt_in"] is False


@pytest.mark.both
def test_new_start_forgets_the_records_and_keeps_the_customers(production: Rig, sandbox: Rig) -> None:
    rig = production

    summary = rig.sync(other_org=OtherOrg.NEW_START.value)

    assert "1 customer of the org before did not come again: marked as deleted" in summary.sentence()
    people = customers_by_key(rig)
    assert people[OLD]["deleted_in_salesforce_at"]
    assert people[OLD]["mail_status"] == "INACTIVE"
    assert people[OLD]["external_id"] is None
    assert people[NEW]["deleted_in_salesforce_at"] is None
    with pytest.raises(ConfigurationError, match="belongs to the Salesforce org Production"):
        sandbox.sync()
