"""The rules of the house that neither ruff nor import-linter can hold."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

from crm_sync import errors

_ROOT = Path(__file__).parents[1]
_OURS = ("blocks", "crm_sync", "deployments", "flows", "tasks")


def _sources(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from sorted((_ROOT / package).rglob("*.py"))


def _imported(path: Path) -> set[str]:
    """Return what a module imports, inside of its functions too: `package.name`, modules and names alike."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_every_exception_class_of_ours_is_in_errors() -> None:
    """Migrations apart, which only Alembic can import and which raise nothing."""
    outside: set[str] = set()
    for path in _sources(*_OURS):
        name = ".".join(path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__")
        if "migrations" in path.parts:
            continue
        for kind in dict(inspect.getmembers(importlib.import_module(name), inspect.isclass)).values():
            if issubclass(kind, BaseException) and kind.__module__ == name:
                outside.add(f"{name}.{kind.__name__}")
    known = {f"{errors.__name__}.{name}" for name in vars(errors)}
    assert outside - known == set()


def test_every_error_stands_in_the_drawn_tree_below_its_parent() -> None:
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        name = next((word for word in line.split() if word.endswith("Error")), None)
        if name is None:
            continue
        column = line.index(name)
        above = [(at, parent) for at, parent in above if at < column]
        drawn[name] = above[-1][1] if above else "Exception"
        above.append((column, name))
    classes = dict(inspect.getmembers(errors, inspect.isclass))
    written = {name: kind.__mro__[1].__name__ for name, kind in classes.items() if issubclass(kind, Exception)}
    assert drawn == written
    assert [name for name, kind in classes.items() if not inspect.getdoc(kind)] == []


# Where the customers land, the rules are statements from end to end; all other capabilities keep theirs in stores.
_CUSTOMERS = {
    *("candidates", "conversions", "current_record", "dry_run", "key_changes", "landing", "mirror", "upsert"),
    "vanished",
}
# Handed on to a store, it makes no statement.
_HANDLE = "sqlalchemy.Connection"


def _may_hold_sql(path: Path) -> bool:
    """The database package and, beside the rule that it serves, each capability's stores."""
    place = path.relative_to(_ROOT).with_suffix("").parts
    if place[0] != "crm_sync":
        # The demo changes customers as a marketer does; the server's one writer is about Prefect's own database.
        return place in {("deployments", "demo", "customers"), ("deployments", "one_writer")}
    capability, module = place[1], place[-1]
    if capability in {"salesforce", "deployteq"}:
        return False
    return capability == "database" or module.endswith("_store") or (capability == "customers" and module in _CUSTOMERS)


def test_sql_is_only_in_the_database_package_and_in_stores() -> None:
    def holds_sql(path: Path) -> bool:
        packages = {name.partition(".")[0] for name in _imported(path) - {_HANDLE}}
        return bool(packages & {"sqlalchemy", "psycopg", "alembic"})

    outside = [path for path in _sources(*_OURS, "standins") if not _may_hold_sql(path)]
    assert [str(path) for path in outside if holds_sql(path)] == []
