"""Pictures of every page and form, wide and narrow, light and dark, for a person to look at: build/pictures."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from crm_sync.push.queue_store import enter_campaign
from deployments.demo.customers import change_customers, choose_contacts
from deployments.demo.moments import demo_moments
from deployments.register import BLOCK_TYPES
from tasks.run.run import utc_now
from tests.browser.marketer import Marketer

pytestmark = pytest.mark.long

_PICTURES = Path(__file__).parents[2] / "build" / "pictures"
_LOOKS = [(width, scheme) for width in (1440, 1280) for scheme in ("light", "dark")]
_RUN_SECONDS = 300
_UTRECHT = [{"field": "city", "equals": "Utrecht"}]
_BLOCKS = [kind.get_block_type_slug() for kind in BLOCK_TYPES]


def _run(marketer: Marketer, deployment: str, parameters: dict[str, Any]) -> str:
    """Start a run as a form does, and return the state in which it ends."""
    found = marketer.served.deployments()[deployment]
    run = marketer.served.ask(f"/deployments/{found['id']}/create_flow_run", parameters=parameters)
    for _ in range(_RUN_SECONDS):
        state = marketer.served.run(run["id"])
        if state["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
            return str(state["state_name"])
        marketer.page.wait_for_timeout(1000)
    raise AssertionError(f"{deployment} has not ended")


def _look(marketer: Marketer, name: str, address: str) -> None:
    for width, scheme in _LOOKS:
        marketer.page.set_viewport_size({"width": width, "height": 1800})
        marketer.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its two
        marketer.page.goto(f"{marketer.served.url}{address}")
        marketer.page.wait_for_load_state("networkidle")
        if marketer.page.get_by_placeholder("admin:pass").count():
            # A server that is too busy to answer the UI's first question makes it ask for the password again.
            marketer.log_in()
            marketer.page.goto(f"{marketer.served.url}{address}")
            marketer.page.wait_for_load_state("networkidle")
        # Until then a page shows grey boxes.
        marketer.page.locator(".animate-pulse").first.wait_for(state="detached")
        marketer.page.wait_for_timeout(500)
        marketer.page.screenshot(path=_PICTURES / f"{name}-{width}-{scheme}.png", full_page=True)


def _change_the_org(marketer: Marketer) -> None:
    """Let people change a little in Salesforce, and in the campaign some be in trouble."""
    served = marketer.served
    with served.customers() as connection:
        contacts = choose_contacts(connection, 40, without_title="Guest")
        records = list(contacts.values())
        change_customers(connection, list(contacts)[:30], utc_now(), job_title="Guest")
        change_customers(connection, list(contacts)[:3], utc_now(), job_title="x" * 129)
        enter_campaign(connection, "spring", list(contacts)[:30], utc_now())
    changed = [["update", "Contact", one, {"Title": "Poet", "Phone": "+31 6 555"}] for one in records[30:35]]
    served.tell_org(records=[*changed, ["delete", "Contact", records[35]]])
    limit = {"keys": records[3:5], "code": "REQUEST_LIMIT_EXCEEDED", "message": "Limit."}
    served.tell_org(refusals=[limit])


def _after_the_limit(marketer: Marketer) -> None:
    """Let the org take requests again, and record moments."""
    marketer.served.end_the_limit()
    with marketer.served.database() as database:
        demo_moments(database, seed=1, now=utc_now(), customers=20)


def _delete_many(marketer: Marketer) -> None:
    """Delete a third of all contacts in Salesforce by mistake."""
    with marketer.served.customers() as connection:
        records = choose_contacts(connection, 120).values()
    for one in records:
        with suppress(requests.HTTPError):  # somebody has deleted it before
            marketer.served.tell_org(records=[["delete", "Contact", one]])


def test_every_page_and_form_can_be_looked_at(marketer: Marketer) -> None:
    shutil.rmtree(_PICTURES, ignore_errors=True)
    _PICTURES.mkdir(parents=True)
    served = marketer.served
    ended: list[str] = []

    def run(deployment: str, *pages: str, **parameters: Any) -> None:
        ended.append(f"{deployment}: {_run(marketer, deployment, parameters)}")
        for key in pages:
            newest = served.ask("/artifacts/latest/filter", artifacts={"key": {"any_": [key]}})
            assert newest, (key, ended)
            _look(marketer, f"page-{key}-{len(ended)}", f"/v2/artifacts/artifact/{newest[0]['latest_id']}")

    run("check-connection", "connection")
    run("full-sync", "full-sync-summary", "full-sync-rejects", "full-sync-rejected-records", "full-sync-contact")
    _change_the_org(marketer)
    run("incremental-pull", "incremental-pull-dry-run", dry_run=True)
    run("incremental-pull", "incremental-pull-changes", "incremental-pull-summary")
    run("undo-run", "undo-run")
    with served.customers() as connection:
        number = connection.exec_driver_sql("SELECT max(id) FROM sync_run WHERE flow = 'incremental_pull'").scalar()
        person, record = connection.exec_driver_sql(
            "SELECT id, salesforce_id FROM customer WHERE NOT opt_in AND salesforce_id IS NOT NULL LIMIT 1"
        ).one()  # fmt: skip
    run("undo-run", "undo-run", "undo-run-list", run=number)
    run("campaign-push", "campaign-push-dry-run", campaign="spring", selection=_UTRECHT, dry_run=True)
    run("campaign-push", "campaign-push-summary", "campaign-push-errors", "campaign-push-refused", campaign="spring")
    _after_the_limit(marketer)
    run("retry-outputs", "retry-outputs-summary", campaign="spring")
    run("install-contact-moment-objects", "contact-moment-objects")
    run("contact-moment-export", "contact-moment-export-summary")
    run("propose-mapping", "mapping-proposal")
    run("consent-proof", "consent-proof", who=record)
    run("erase-customer", "erase-customer", who=str(person), dry_run=True)
    run("deployteq-pairing", may_write_test_customers=True)
    run("deployteq-pairing", "deployteq-pairing", accept_the_pairing=True)
    run("deployteq-exchange", "deployteq-exchange")
    run("deployteq-exchange", "deployteq-exchange", approve_changes=True)
    run("deployteq-reconcile", "deployteq-pairing")
    run("api-budget", "health", "activity", "api-budget", "consent")
    _delete_many(marketer)
    run("incremental-pull", "incremental-pull-held-back", "incremental-pull-held-back-list", "health")
    _look_at_runs_and_forms(marketer)

    (_PICTURES / "runs.txt").write_text("\n".join(ended))
    assert not [one for one in ended if one.endswith((": Failed", ": Crashed"))], ended
    assert len(list(_PICTURES.glob("*.png"))) >= len(_LOOKS) * (len(_BLOCKS) + len(served.deployments()))


def _look_at_runs_and_forms(marketer: Marketer) -> None:
    served = marketer.served
    newest = served.ask("/flow_runs/filter", limit=30, sort="START_TIME_DESC")
    for one in newest:
        if one["state_name"] in {"NeedsApproval", "CompletedWithRejects"} and one["name"].startswith(("incr", "full")):
            _look(marketer, f"run-{one['state_name']}-{one['name'][:4]}", f"/v2/runs/flow-run/{one['id']}")
    for name, deployment in served.deployments().items():
        _look(marketer, f"form-{name}", f"/v2/deployments/deployment/{deployment['id']}/run")
    for kind in _BLOCKS:
        _look(marketer, f"block-{kind}", f"/v2/blocks/catalog/{kind}/create")
    _look(marketer, "artifacts", "/v2/artifacts")
