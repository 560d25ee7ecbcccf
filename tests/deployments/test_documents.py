"""The pages about the code keep to their size, their links lead somewhere, and what they name is there."""

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from crm_sync.runs.states import RunState

_ROOT = Path(__file__).parents[2]
_PAGES = sorted(
    page
    for page in [*_ROOT.glob("*.md"), *_ROOT.glob("[.a-z]*/**/*.md")]
    if not {".venv", ".demo", ".git", "build"} & set(page.relative_to(_ROOT).parts)
)
_FRONT_DOOR = (_ROOT / "README.md").read_text()


def _prose(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a page, without its tables."""
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if not line.startswith("|"):
            yield number, line


def test_readme_is_a_front_door() -> None:
    lines = _FRONT_DOOR.splitlines()

    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 120] == []


def test_prose_has_lines_of_at_most_120_characters() -> None:
    assert [f"{page}:{number}" for page in _PAGES for number, line in _prose(page) if len(line) > 120] == []


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere() -> None:
    broken = []
    for page in _PAGES:
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            target, _, anchor = link.partition("#")
            file = (page.parent / target) if target else page
            if "://" not in link and not (file.exists() and (not anchor or anchor in _anchors(file))):
                broken.append(f"{page.relative_to(_ROOT)}: {link}")

    assert broken == []


def test_python_on_the_pages_imports_what_there_is() -> None:
    for page in _PAGES:
        for snippet in re.findall(r"```python\n(.*?)```", re.sub(r"^   ", "", page.read_text(), flags=re.M), re.S):
            for node in ast.walk(ast.parse(snippet)):
                if isinstance(node, ast.ImportFrom) and node.module:
                    module = importlib.import_module(node.module)
                    missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
                    assert missing == [], f"{page}: {node.module}"


def test_readme_names_every_flow_and_every_folder() -> None:
    flows = {path.stem for path in (_ROOT / "flows").glob("*.py")} - {"__init__"}
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    folders = {f"{package}/" for package in [*project["tool"]["importlinter"]["root_packages"], "tests"]}

    assert {name for name in flows | folders if name not in _FRONT_DOOR} == set()


def test_layers_on_the_page_are_those_that_are_checked() -> None:
    contracts = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    ours, capabilities = (contract["layers"] for contract in contracts[:2])
    page = (_ROOT / "crm_sync" / "README.md").read_text()

    assert f"\n{' -> '.join(ours)}\n" in page
    assert "\n".join(["", *capabilities, ""]) in page
    named = set(re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE))
    assert named == {path.parent.name for path in (_ROOT / "crm_sync").glob("*/__init__.py")}


def test_every_decision_says_what_would_change_it() -> None:
    _, *decisions = (_ROOT / "crm_sync" / "DECISIONS.md").read_text().split("\n### ")

    assert [text.partition("\n")[0] for text in decisions if text.count("\n*We would change it* ") != 1] == []


def test_every_final_state_is_explained() -> None:
    rows = [f"| {state} | {state.of} | {state.means} | {state.advice} |" for state in RunState]
    page = (_ROOT / "deployments" / "OPERATIONS.md").read_text()
    table = page.partition("| state | of | means | what to do |\n")[2].partition("\n\n")[0].splitlines()[1:]

    assert table == rows, "the table should be:\n" + "\n".join(rows)


def test_tests_named_as_proof_are_there() -> None:
    page = _ROOT / "tests" / "README.md"
    named = re.findall(r"`((?:\w+/)?test_\w+\.py)`", page.read_text())

    assert named
    assert [name for name in named if not (page.parent / name).exists()] == []
