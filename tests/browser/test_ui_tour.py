"""What a marketer does at the Prefect UI, in a real browser: settings, a mapping, runs, and what the runs leave."""

from typing import Any

import pytest

from crm_sync.standard_mapping import standard_contact_mapping, standard_lead_mapping
from tests.browser.marketer import Marketer

_LINKS = {"contact": standard_contact_mapping().links, "lead": standard_lead_mapping().links}


@pytest.fixture(scope="module")
def synced(marketer: Marketer) -> dict[str, Any]:
    """Start a full sync from its form, and return the run that ended."""
    marketer.open_run_form("full-sync")
    marketer.picture("full-sync-form", whole=True)
    return marketer.submit("full-sync")


def test_a_changed_setting_is_saved_and_the_password_stays(marketer: Marketer) -> None:
    before = marketer.served.block("salesforce")
    marketer.edit_block("salesforce")
    assert marketer.page.get_by_label("Password (Optional)").input_value() == "********"
    marketer.page.get_by_label("My Domain (Optional)").fill("acme")
    marketer.picture("salesforce-form", whole=True)
    marketer.save()
    marketer.picture("salesforce-saved")

    assert marketer.served.block("salesforce") == before | {"my_domain": "acme"}
    run = marketer.run("check-connection")
    assert run["state_name"] == "Completed"
    assert "Logged in to Demo Org" in run["state"]["message"]
    marketer.picture("check-connection-run")


def test_check_of_the_connection_shows_every_mapped_field(marketer: Marketer) -> None:
    run = marketer.run("check-connection")

    page = marketer.look_at("connection")
    marketer.picture("connection", whole=True)
    said = page.inner_text()
    assert run["state"]["message"] in said
    assert "integration@demo.example" in said
    assert "email_address (unique)" in said
    assert "NOT VISIBLE" not in said


def test_mapping_form_shows_every_link_and_keeps_one_that_is_added(marketer: Marketer) -> None:
    marketer.new_block("salesforce-data-mapping")
    page = marketer.page
    page.get_by_label("Name", exact=True).fill("ours")
    for part, count in (("Salesforce field", 30), ("Unique (Optional)", 30), ("Customer status (Optional)", 2)):
        assert page.get_by_label(part, exact=True).count() == count
    marketer.picture("mapping-form")
    page.get_by_role("button", name="Add item").first.click()
    # The new row of the contacts comes before the leads' first one.
    added = len(_LINKS["contact"])
    page.get_by_label("Salesforce field", exact=True).nth(added).fill("Score__c")
    page.get_by_label("Customer field", exact=True).nth(added).fill("score")
    marketer.choice("customer field", "customer option field").nth(added).click()
    page.get_by_role("option", name="customer option field").click()
    marketer.picture("mapping-form-with-a-new-link")
    marketer.save()

    saved = marketer.served.block("ours")
    for sobject, links in _LINKS.items():
        assert saved[sobject]["links"][: len(links)] == [link.model_dump(mode="json") for link in links]
    (new,) = saved["contact"]["links"][added:]
    assert (new["salesforce_field"], new["kind"], new["name"]) == ("Score__c", "customer option field", "score")
    assert len(saved["lead"]["links"]) == len(_LINKS["lead"])


def test_full_sync_shows_its_counts_as_a_table_and_a_chart(marketer: Marketer, synced: dict[str, Any]) -> None:
    _open(marketer, synced)
    marketer.picture("full-sync-run")

    page = marketer.look_at("full-sync-summary")
    page.locator("svg[id^='mermaid']").wait_for()
    marketer.picture("full-sync-summary", whole=True)
    assert synced["state"]["message"] in page.inner_text()
    assert page.get_by_role("row", name="Contact").count() >= 1
    for outcome in ("inserted", "superseded", "rejected"):
        assert page.locator("svg[id^='mermaid'] .legend", has_text=outcome).count() == 1


def test_full_sync_shows_its_rejects_by_reason(marketer: Marketer, synced: dict[str, Any]) -> None:
    assert synced["state_name"] == "CompletedWithRejects"
    _open(marketer, synced)

    page = marketer.look_at("full-sync-rejects")
    marketer.picture("full-sync-rejects")
    for sobject in ("Contact", "Lead"):
        row = page.get_by_role("row", name=f"{sobject} Email is empty, and it is the unique field")
        assert int(row.get_by_role("cell").last.inner_text()) > 0


def test_full_sync_shows_its_progress(marketer: Marketer, synced: dict[str, Any]) -> None:
    _open(marketer, synced)

    page = marketer.look_at("full-sync-contact")
    marketer.picture("full-sync-progress")
    assert "Contact records stored" in page.inner_text()
    assert "Progress: 100%" in page.inner_text()


def test_dry_run_of_the_pull_shows_changes_and_writes_nothing(marketer: Marketer, synced: dict[str, Any]) -> None:
    marketer.open_run_form("incremental-pull")
    marketer.page.get_by_label("dry_run (Optional)").click()
    marketer.picture("incremental-pull-form", whole=True)

    run = marketer.submit("incremental-pull")

    assert run["parameters"]["dry_run"] is True
    assert run["state_name"] == "DryRun"
    marketer.picture("incremental-pull-run")
    page = marketer.look_at("incremental-pull-dry-run")
    marketer.picture("incremental-pull-dry-run")
    assert run["state"]["message"] in page.inner_text()


def test_proposed_mapping_can_be_copied_and_is_saved_under_its_own_name(marketer: Marketer) -> None:
    marketer.open_run_form("propose-mapping")
    marketer.page.get_by_label("save_as (Optional)").fill("proposed")
    marketer.picture("propose-mapping-form", whole=True)

    run = marketer.submit("propose-mapping")

    assert run["state_name"] == "Completed"
    page = marketer.look_at("mapping-proposal")
    marketer.picture("mapping-proposal", whole=True)
    said = page.inner_text()
    assert "saved as the block 'proposed'" in said
    assert "- {salesforce_field: Email, name: email_address, unique: true}" in said
    marketer.edit_block("proposed")
    marketer.picture("proposed-mapping-form")
    assert marketer.page.get_by_label("Salesforce field", exact=True).nth(1).input_value() == "Salutation"
    assert "Score__c" in [link["salesforce_field"] for link in marketer.served.block("proposed")["lead"]["links"]]


def _open(marketer: Marketer, run: dict[str, Any]) -> None:
    marketer.page.goto(f"{marketer.served.url}/v2/runs/flow-run/{run['id']}")
    marketer.page.get_by_text(run["state_name"], exact=True).first.wait_for()
