"""What a marketer does at the Prefect UI, in a real browser: settings, a mapping, runs, and what the runs leave."""

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from crm_sync.database.tables.customers import customer
from crm_sync.mapping.standard import standard_contact_mapping, standard_lead_mapping
from deployments.demo.moments import demo_moments
from tasks.run.run import utc_now
from tests.browser.marketer import Marketer

pytestmark = pytest.mark.long

_LINKS = {"contact": standard_contact_mapping().links, "lead": standard_lead_mapping().links}
_CAMPAIGN = "spring"


@dataclass(frozen=True)
class Watched:
    """A full sync that somebody watched: the run that ended, and the percentage that stood there under way."""

    run: dict[str, Any]
    percent: int


@pytest.fixture(scope="module")
def watched(marketer: Marketer) -> Watched:
    """Start a full sync from its form, and look how far it is while the second page of contacts is on its way."""
    slow = {"action": "delay", "path": "locator=", "seconds": 30}
    marketer.served.tell_org(settings={"bulk_max_records": 100}, faults=[slow])
    marketer.open_run_form("full-sync")
    marketer.picture("full-sync-form", whole=True)
    started = marketer.start()
    percent = marketer.look_at_progress("full-sync-contact")
    marketer.picture("full-sync-under-way")
    _open(marketer, marketer.served.run(started), "Running")
    return Watched(marketer.wait_for_end(started), percent)


@pytest.fixture
def synced(watched: Watched) -> dict[str, Any]:
    """Return the full sync that has ended."""
    return watched.run


@pytest.fixture(scope="module")
def pushed(marketer: Marketer, watched: Watched) -> dict[str, Any]:
    """Let customers reach the campaign step, some of them in trouble, and return the push that a person started."""
    marketer.enter_campaign(_CAMPAIGN)
    marketer.open_run_form("campaign-push")
    marketer.page.get_by_label("Campaign", exact=True).fill(_CAMPAIGN)
    marketer.picture("campaign-push-form", whole=True)
    return marketer.submit()


def test_a_foreign_page_gets_nothing_out_of_the_ui_beside_it(marketer: Marketer) -> None:
    ask = f"fetch('{marketer.served.url}/api/block_documents/filter', {{method: 'POST', mode: MODE, body: '{{}}'}})"
    say = ".then(answer => answer.text()).catch(() => 'refused')"
    page = marketer.page
    page.route("https://evil.example/**", lambda route: route.fulfill(body="<p>win a prize", content_type="text/html"))
    page.goto("https://evil.example/")

    assert page.evaluate(ask.replace("MODE", "'cors'") + say) == "refused"
    assert page.evaluate(ask.replace("MODE", "'no-cors'") + say) in {"", "refused"}
    page.unroute_all()
    marketer.visit("Blocks")


def test_new_credentials_are_entered_and_tested(marketer: Marketer) -> None:
    endpoint = marketer.served.block("salesforce")["endpoint_url"]
    marketer.new_block("salesforce-credentials")
    entered = {
        "Name": "own",
        "Username (Optional)": "integration@demo.example",
        "Password (Optional)": "demo-password",
        "Security token (Optional)": "demoToken",
        "Endpoint override (Optional)": endpoint,
    }
    for label, value in entered.items():
        marketer.page.get_by_label(label, exact=True).fill(value)
    marketer.picture("new-credentials-form", whole=True)
    marketer.save()

    assert marketer.served.block("own")["password"] == "********"
    marketer.open_run_form("check-connection")
    marketer.choice("salesforce").first.click()
    marketer.page.get_by_role("option", name="own").click()
    run = marketer.submit()
    assert run["state_name"] == "Completed"
    assert "Logged in to Demo Org" in run["state"]["message"]


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
    for part, count in (("Salesforce field", 30), ("Unique", 30), ("Customer status (Optional)", 2)):
        assert page.get_by_label(part, exact=True).count() == count
    # The names of the standard fields are there to choose from.
    marketer.choice("email_address").first.wait_for()
    marketer.picture("mapping-form")
    page.get_by_role("button", name="Add item").first.click()
    # The new row of the contacts comes before the leads' first one.
    added = len(_LINKS["contact"])
    page.get_by_label("Salesforce field", exact=True).nth(added).fill("Score__c")
    page.get_by_role("tab", name="Option field").nth(added).click()
    page.get_by_role("tabpanel").nth(added).get_by_role("textbox").fill("score")
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


def test_full_sync_shows_its_counts_as_a_table(marketer: Marketer, synced: dict[str, Any]) -> None:
    _open(marketer, synced)
    marketer.picture("full-sync-run")

    page = marketer.look_at("full-sync-summary")
    marketer.picture("full-sync-summary", whole=True)
    assert synced["state"]["message"] in page.inner_text()
    for sobject in ("Contact", "Lead", "all"):
        assert page.get_by_role("columnheader", name=sobject, exact=True).count() == 1
    for outcome in ("inserted", "superseded", "rejected"):
        assert page.get_by_role("row", name=outcome).count() == 1


def test_full_sync_shows_its_rejects_by_reason(marketer: Marketer, synced: dict[str, Any]) -> None:
    assert synced["state_name"] == "CompletedWithRejects"
    _open(marketer, synced)

    page = marketer.look_at("full-sync-rejects")
    marketer.picture("full-sync-rejects")
    for sobject in ("Contact", "Lead"):
        row = page.get_by_role("row", name=f"{sobject} Email is empty, and it is the unique field")
        assert int(row.get_by_role("cell").last.inner_text()) > 0


def test_full_sync_shows_its_progress_under_way_and_at_the_end(marketer: Marketer, watched: Watched) -> None:
    assert 0 < watched.percent < 100
    _open(marketer, watched.run)

    page = marketer.look_at("full-sync-contact")
    marketer.picture("full-sync-progress")
    assert "Contact records stored" in page.inner_text()
    assert "Progress: 100%" in page.inner_text()


def test_dry_run_of_the_pull_shows_changes_and_writes_nothing(marketer: Marketer, synced: dict[str, Any]) -> None:
    marketer.open_run_form("incremental-pull")
    marketer.page.get_by_label("Dry run", exact=True).click()
    marketer.picture("incremental-pull-form", whole=True)

    run = marketer.submit()

    assert run["parameters"]["dry_run"] is True
    assert run["state_name"] == "DryRun"
    marketer.picture("incremental-pull-run")
    page = marketer.look_at("incremental-pull-dry-run")
    marketer.picture("incremental-pull-dry-run")
    assert run["state"]["message"] in page.inner_text()


def test_pull_shows_what_it_brought(marketer: Marketer, synced: dict[str, Any]) -> None:
    person = {"LastName": "Newcomer", "Email": "newcomer@planted.example"}
    ((new,),) = marketer.served.tell_org(records=[["insert", "Contact", person]])

    run = marketer.run("incremental-pull")

    assert run["state_type"] == "COMPLETED"
    page = marketer.look_at("incremental-pull-changes")
    marketer.picture("incremental-pull-changes", whole=True)
    assert page.get_by_role("row", name=f"Contact {new} new").count() == 1


def test_objects_are_installed_and_moments_go_to_their_records(marketer: Marketer, synced: dict[str, Any]) -> None:
    with marketer.served.database() as database:
        moments = demo_moments(database, seed=1, now=utc_now(), customers=20)

    installed = marketer.run("install-contact-moment-objects")

    assert installed["state_type"] == "COMPLETED"
    page = marketer.look_at("contact-moment-objects")
    marketer.picture("contact-moment-objects", whole=True)
    assert "Related Lists" in page.inner_text()
    run = marketer.run("contact-moment-export")
    # People change in this org all the time: one or two may be deleted since the pull.
    assert moments - 8 <= int(run["state"]["message"].partition(" contact moments added to Salesforce")[0]) <= moments
    marketer.look_at("contact-moment-export-summary")
    marketer.picture("contact-moment-export-summary", whole=True)


def test_push_shows_its_outputs_and_errors_by_cause(marketer: Marketer, pushed: dict[str, Any]) -> None:
    assert pushed["state_name"] == "CutByLimit"
    _open(marketer, pushed)

    page = marketer.look_at("campaign-push-summary")
    marketer.picture("campaign-push-summary", whole=True)
    for output, customers in (("continue", 10), ("success", 5), ("error", 3), ("limit", 2)):
        assert page.get_by_role("row", name=f"{output} {customers}", exact=True).count() == 1
    assert page.get_by_role("row", name="STRING_TOO_LONG 3 no").count() == 1


def test_customers_of_an_output_are_sent_again(marketer: Marketer, pushed: dict[str, Any]) -> None:
    marketer.served.end_the_limit()
    marketer.open_run_form("retry-outputs")
    marketer.page.get_by_label("Campaign", exact=True).fill(_CAMPAIGN)
    marketer.page.get_by_label("Which output to send again", exact=True).fill("limit")
    marketer.picture("retry-outputs-form", whole=True)

    run = marketer.submit()

    assert "2 success" in run["state"]["message"]
    marketer.look_at("retry-outputs-summary")
    marketer.picture("retry-outputs-summary", whole=True)


def test_budget_activity_and_health_are_pages(marketer: Marketer, pushed: dict[str, Any]) -> None:
    run = marketer.run("api-budget")

    told = (("api-budget", "requests in the last hour"), ("activity", "could not be used"), ("health", "The last days"))
    for key, said in told:
        _open(marketer, run)
        page = marketer.look_at(key)
        marketer.picture(key, whole=True)
        assert said in page.inner_text()


def test_proposed_mapping_can_be_copied_and_is_saved_under_its_own_name(marketer: Marketer) -> None:
    marketer.open_run_form("propose-mapping")
    marketer.page.get_by_label("Save as (Optional)", exact=True).fill("proposed")
    marketer.picture("propose-mapping-form", whole=True)

    run = marketer.submit()

    assert run["state_name"] == "Completed"
    said = marketer.look_at("mapping-proposal").inner_text()
    marketer.picture("mapping-proposal", whole=True)
    assert "saved as the block 'proposed'" in said
    assert "- {salesforce_field: Email, name: email_address, unique: true}" in said
    marketer.edit_block("proposed")
    marketer.picture("proposed-mapping-form")
    assert marketer.page.get_by_label("Salesforce field", exact=True).nth(1).input_value() == "Salutation"
    assert "Score__c" in [link["salesforce_field"] for link in marketer.served.block("proposed")["lead"]["links"]]


def test_nobodys_data_and_no_secret_is_kept_by_prefect_after_the_tour(
    marketer: Marketer, synced: dict[str, Any], pushed: dict[str, Any]
) -> None:
    """Database, logs, artifacts, states, events and parameters of everything above."""
    with marketer.served.customers() as connection:
        addresses = [address for (address,) in connection.execute(select(customer.c.email_address)) if address]
    kept = marketer.served.kept()

    assert any(synced["state"]["message"] in text for text in kept.values()), "the search would not find what is there"
    assert len(addresses) > 200
    planted = ("demo-password", "demoToken", *addresses)
    assert [place for place, text in kept.items() if any(one in text for one in planted)] == []


def _open(marketer: Marketer, run: dict[str, Any], state: str = "") -> None:
    marketer.page.goto(f"{marketer.served.url}/v2/runs/flow-run/{run['id']}")
    marketer.page.get_by_text(state or run["state_name"], exact=True).first.wait_for()
