"""A marketer at the Prefect UI: opens pages, fills in forms, starts runs, and keeps pictures of what is seen."""

import re
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.browser.served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

_RUN_SECONDS = 180
_SUBMITS = 5
_PATIENCE_SECONDS = 20
_ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Marketer:
    """A person with a browser, and no knowledge of Prefect's API; what they did is looked up by `served`."""

    def __init__(self, page: "Page", served: Served, pictures: Path) -> None:
        """Sit down before the browser's page."""
        self.page = page
        self.served = served
        self._pictures = pictures
        self._numbers = count(1)

    def log_in(self) -> None:
        """Log in with what `make up` prints; the browser keeps it."""
        self.page.goto(self.served.url)
        self.page.get_by_placeholder("admin:pass").fill(self.served.login)
        self.page.get_by_role("button", name="Login").click()
        self.page.wait_for_url("**/dashboard*")

    def visit(self, place: str) -> None:
        """Open a page of the UI by the link in its side bar, such as Blocks."""
        self.page.goto(self.served.url)
        self.page.get_by_role("link", name=place, exact=True).first.click()

    def edit_block(self, name: str) -> None:
        """Open the form of a saved block."""
        self.visit("Blocks")
        self.page.get_by_role("link", name=name, exact=True).click()
        # Until then it is the list that has menus.
        self.page.get_by_text("Paste this snippet").wait_for()
        self.page.get_by_role("button", name="Open menu").first.click()
        self.page.get_by_role("menuitem", name="Edit").click()
        self.page.get_by_role("button", name="Save", exact=True).wait_for()

    def new_block(self, kind: str) -> None:
        """Open the empty form of a kind of block; the catalogue of them is the plus beside Blocks."""
        self.page.goto(f"{self.served.url}/v2/blocks/catalog/{kind}")
        self.page.get_by_role("button", name="Create", exact=True).click()
        self.page.get_by_role("button", name="Save", exact=True).wait_for()

    def save(self) -> None:
        """Save the form, and see the block's own page."""
        save, saved = (
            self.page.get_by_role("button", name="Save", exact=True),
            self.page.get_by_text("Paste this snippet"),
        )
        for _ in range(_SUBMITS):
            save.click()
            # A server on SQLite is at times too busy to take it; a person then presses again.
            for _ in range(_PATIENCE_SECONDS):
                if saved.count():
                    return
                self.page.wait_for_timeout(1000)
        raise AssertionError("the form was not saved")

    def open_run_form(self, deployment: str) -> None:
        """Open the form that starts a run of a deployment."""
        self.visit("Deployments")
        # There are more than a page shows.
        self.page.get_by_placeholder("Search deployments").fill(deployment)
        # The search goes into the address a moment later, and would take whoever has left the list back to it.
        self.page.wait_for_url(f"**Name={deployment}*")
        self.page.get_by_role("link", name=deployment, exact=True).first.click()
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Custom run").click()
        self.page.get_by_role("button", name="Submit", exact=True).wait_for()
        for picked in ("salesforce", "customers"):
            self.choice(picked).first.wait_for()

    def choice(self, *shown: str) -> "Locator":
        """Return the boxes to choose from that show one of these texts."""
        return self.page.locator("button", has_text=re.compile(f"^({'|'.join(shown)})$"))

    def submit(self) -> dict[str, Any]:
        """Start the run of the form, follow it to its page, and return it when it has ended."""
        return self.wait_for_end(self.start())

    def start(self) -> str:
        """Start the run of the form, follow it to its page, and return its id."""
        view, busy = self.page.get_by_role("button", name="View run"), self.page.get_by_text("Unknown error")
        for _ in range(_SUBMITS):
            self.page.get_by_role("button", name="Submit", exact=True).click()
            view.or_(busy).first.wait_for()
            if view.count():
                break
            # A server on SQLite is at times too busy to take it; a person then presses again.
            busy.first.wait_for(state="detached")
        view.click()
        self.page.wait_for_url("**/runs/flow-run/*")
        return re.split("[/?]", self.page.url.partition("/flow-run/")[2])[0]

    def wait_for_end(self, run_id: str) -> dict[str, Any]:
        """Return a run when it has ended, and see that on its page, which is open."""
        for _ in range(_RUN_SECONDS):
            run = self.served.run(run_id)
            if run["state_type"] in _ENDED:
                self.page.reload()
                self.page.get_by_text(run["state_name"], exact=True).first.wait_for()
                return run
            self.page.wait_for_timeout(1000)
        raise AssertionError(f"{run['name']} is still {run['state_name']}: {run['state']['message']}")

    def run(self, deployment: str) -> dict[str, Any]:
        """Start a run with what its form says already."""
        self.open_run_form(deployment)
        return self.submit()

    def enter_campaign(self, campaign: str) -> None:
        """Let customers reach a campaign, right after a pull: people delete records in this org all the time."""
        self.run("incremental-pull")
        self.served.enter_campaign(campaign)

    def look_at(self, artifact: str) -> "Locator":
        """Open what a run left behind, from the run's own page, and return the page's text."""
        self.page.get_by_role("tab", name="Artifacts").click()
        self.page.locator(f"a[href$='/artifacts/key/{artifact}']").click()
        self.page.locator("a[href*='/artifacts/artifact/']").first.click()
        self.page.get_by_role("tab", name="Raw").wait_for()
        return self.page.locator("body")

    def look_at_progress(self, artifact: str) -> int:
        """Wait until a run under way shows how far it is, and return the percentage."""
        run = self.page.url
        for _ in range(_RUN_SECONDS):
            self.page.get_by_role("tab", name="Artifacts").click()
            self.page.wait_for_timeout(1000)
            if self.page.locator(f"a[href$='/artifacts/key/{artifact}']").count():
                found = re.search(r"Progress: (\d+)", self.look_at(artifact).inner_text())
                if found and int(found[1]):
                    return int(found[1])
            self.page.goto(run)
        raise AssertionError(f"nothing shows how far {artifact} is")

    def picture(self, name: str, *, whole: bool = False) -> None:
        """Keep a picture of the page."""
        self.page.wait_for_load_state("networkidle")
        self.page.screenshot(path=self._pictures / f"{next(self._numbers):02}-{name}.png", full_page=whole)
