"""Headless Chromium before the UI of the demo; where it is missing, no browser test runs, and that is said aloud."""

import importlib.util
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.browser.marketer import Marketer
from tests.browser.served import serve_demo

_PICTURES = Path(__file__).parents[2] / "build" / "screenshots"
_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
# A machine that does much else at once is slow; nothing is waited for longer than it takes.
_PATIENCE_MS = 90_000


def _missing() -> str:
    if _CHROMIUM is None:
        return "Chromium is not installed; on Debian: apt-get install chromium"
    if importlib.util.find_spec("playwright") is None:
        return "the Python package playwright is not installed; make .venv/dev"
    return ""


# A module's own, not the session's: Playwright's event loop would be there for every later test.
@pytest.fixture(scope="module")
def marketer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Marketer]:
    """Serve the demo, open the browser, and yield the person before it."""
    if missing := _missing():
        # Where the tests are asked for, as in CI, a missing browser is a failure.
        (pytest.fail if os.environ.get("REQUIRE_BROWSER") else pytest.skip)(f"NO BROWSER TEST RUNS: {missing}")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # may be missing, as said above

    shutil.rmtree(_PICTURES, ignore_errors=True)
    _PICTURES.mkdir(parents=True)
    with serve_demo(tmp_path_factory.mktemp("demo")) as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(_PATIENCE_MS)
        marketer = Marketer(page, served, _PICTURES)
        marketer.log_in()
        yield marketer
        page.screenshot(path=_PICTURES / "last.png")
        browser.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep a picture of what was seen when a test failed."""
    report = yield
    marketer = getattr(item, "funcargs", {}).get("marketer")
    if report.failed and marketer:
        marketer.picture(f"failed-{item.name}-{report.when}")
    return report
