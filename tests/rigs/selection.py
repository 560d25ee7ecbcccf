"""Which tests run in `make test` and in `make test-long`, and what the end of a session says."""

import os
from typing import Any

import hypothesis
import pytest

from tests.rigs.shared import shared_folder

# How long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile("quick", deadline=None, max_examples=25)
hypothesis.settings.register_profile("long", deadline=None, max_examples=200)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --long: the tests that `make test` leaves out, and more of what it does a little of."""
    parser.addoption("--postgresql", choices=["newest", "debian"], default="newest", help="which version to test with")
    parser.addoption("--long", action="store_true", help="run what is marked long or deeper, and all property tests")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples a property test gets."""
    hypothesis.settings.load_profile("long" if config.getoption("long") else "quick")


@pytest.fixture(scope="session")
def is_long_run(pytestconfig: pytest.Config) -> bool:
    """Tell whether this is the long run, in which tests marked deeper do more."""
    return bool(pytestconfig.getoption("long"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what a test needs, choose between the quick and the long run, and put the longest files first."""
    for item in items:
        _mark_needs(item)
    _mark_rest_of_samples(items)
    if config.getoption("postgresql") == "newest":
        _mark_rest_on_postgresql(items)
    is_long_run = bool(config.getoption("long"))
    chosen = [item for item in items if _is_of(item, is_long_run)]
    left = [item for item in items if not _is_of(item, is_long_run)]
    if left:
        config.hook.pytest_deselected(items=left)
        if not is_long_run:
            _left_out().write_text("\n".join(item.nodeid for item in left))
    weights: dict[Any, int] = {}
    for item in chosen:
        weights[item.path] = weights.get(item.path, 0) + _weight(item)
    items[:] = sorted(chosen, key=lambda item: -weights[item.path])


def _mark_needs(item: pytest.Item) -> None:
    """Mark tests that need a Prefect server or PostgreSQL; a flow on PostgreSQL is of the long run."""
    fixtures = getattr(item, "fixturenames", ())
    if item.get_closest_marker("flow") or "prefect_home" in fixtures:
        item.add_marker("prefect")
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    if "postgresql_server" in fixtures or parameters.get("database_url") == "postgresql":
        item.add_marker("postgresql")
        if item.get_closest_marker("flow") and not item.get_closest_marker("both"):
            item.add_marker("long")


def _mark_rest_of_samples(items: list[pytest.Item]) -> None:
    """Leave to the long run what of a test's cases is beyond its sample."""
    cases: dict[Any, int] = {}
    for item in items:
        if (sample := item.get_closest_marker("sample")) and not item.get_closest_marker("long"):
            test = (item.path, getattr(item, "originalname", item.name))
            cases[test] = cases.get(test, 0) + 1
            if cases[test] > sample.args[0]:
                item.add_marker("long")


def _mark_rest_on_postgresql(items: list[pytest.Item]) -> None:
    """Leave a table's rows on PostgreSQL, but for the first, to Debian's version and to the long run.

    The statements are the same in each row; `make test-debian` has them all.
    """
    tests: set[Any] = set()
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if len(parameters) > 1 and parameters.get("database_url") == "postgresql":
            test = (item.path, getattr(item, "originalname", item.name))
            if test in tests:
                item.add_marker("long")
            tests.add(test)


def _weight(item: pytest.Item) -> int:
    """Return how long a test takes, roughly: a soak, a demo that is served, a team of workers or a browser, and so on.

    What takes long comes first: at the end of a session it would leave the other processes idle.
    """
    if item.get_closest_marker("deeper"):
        return 1000
    if "served" in getattr(item, "fixturenames", ()):
        return 300
    if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
        return 50
    if item.get_closest_marker("long") and not item.get_closest_marker("flow"):
        return 100
    return 20 if item.get_closest_marker("prefect") else 1


def _is_of(item: pytest.Item, is_long_run: bool) -> bool:
    if not is_long_run:
        return not item.get_closest_marker("long")
    is_property = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    return is_property or any(item.get_closest_marker(name) for name in ("long", "deeper"))


def _left_out() -> Any:
    return shared_folder() / f"left-out-{os.environ.get('PYTEST_XDIST_WORKER', '')}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say aloud what did not run: of that, a green end says nothing."""
    if skipped := terminalreporter.stats.get("skipped"):
        terminalreporter.section("TESTS DID NOT RUN", red=True, bold=True)
        for reason in sorted({report.longrepr[2] for report in skipped}):
            terminalreporter.line(reason)
    left = {line for file in shared_folder().glob("left-out-*") for line in file.read_text().splitlines()}
    if left:
        terminalreporter.section(f"LEFT TO make test-long: {len(left)} tests", yellow=True)
        files = [test.partition("::")[0] for test in left]
        for file in sorted(set(files)):
            terminalreporter.line(f"{files.count(file):4} of {file}")
