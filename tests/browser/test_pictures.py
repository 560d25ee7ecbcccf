"""Pictures of every page and form, wide and narrow, light and dark, for a person to look at: build/pictures."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.browser.marketer import Marketer

pytestmark = pytest.mark.long

_PICTURES = Path(__file__).parents[2] / "build" / "pictures"
_LOOKS = [(width, scheme) for width in (1440, 1280) for scheme in ("light", "dark")]
_RUN_SECONDS = 300
_RUNS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("check-connection", {}),
    ("full-sync", {}),
    ("incremental-pull", {"dry_run": True}),
    ("campaign-push", {"campaign": "spring", "selection": [{"field": "city", "equals": "Utrecht"}], "dry_run": True}),
    ("campaign-push", {"campaign": "spring", "selection": [{"field": "city", "equals": "Utrecht"}]}),
    ("contact-moment-export", {}),
    ("api-budget", {}),
)
_PAGES = (
    "health",
    "activity",
    "api-budget",
    "consent",
    "connection",
    "full-sync-summary",
    "full-sync-rejected-records",
    "campaign-push-dry-run",
    "campaign-push-summary",
    "contact-moment-export-summary",
    "consent-proof",
)


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
        marketer.page.set_viewport_size({"width": width, "height": 1000})
        marketer.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its two
        marketer.page.goto(f"{marketer.served.url}{address}")
        marketer.page.wait_for_load_state("networkidle")
        marketer.page.wait_for_timeout(500)
        marketer.page.screenshot(path=_PICTURES / f"{name}-{width}-{scheme}.png", full_page=True)


def test_every_page_and_form_can_be_looked_at(marketer: Marketer) -> None:
    shutil.rmtree(_PICTURES, ignore_errors=True)
    _PICTURES.mkdir(parents=True)
    served = marketer.served
    ended = {deployment: _run(marketer, deployment, parameters) for deployment, parameters in _RUNS}
    with served.customers() as connection:
        person = connection.exec_driver_sql("SELECT salesforce_id FROM customer WHERE NOT opt_in").scalar()
    _run(marketer, "consent-proof", {"who": person})

    for name, deployment in served.deployments().items():
        _look(marketer, f"form-{name}", f"/v2/deployments/deployment/{deployment['id']}/run")
    for key in _PAGES:
        newest = served.ask("/artifacts/latest/filter", artifacts={"key": {"any_": [key]}})
        assert newest, key
        _look(marketer, f"page-{key}", f"/v2/artifacts/artifact/{newest[0]['latest_id']}")
    _look(marketer, "artifacts", "/v2/artifacts")
    for kind in ("salesforce-credentials", "salesforce-data-mapping", "salesforce-synchronize"):
        _look(marketer, f"block-{kind}", f"/v2/blocks/catalog/{kind}/create")

    assert "Failed" not in ended.values(), ended
    assert len(list(_PICTURES.glob("*.png"))) >= len(_LOOKS) * (len(_PAGES) + len(served.deployments()))
