"""What is written down about the code says what the code is."""

import inspect
from pathlib import Path

from crm_sync import errors
from flows.full_sync import full_sync

_ROOT = Path(__file__).parents[2]


def test_every_error_stands_in_the_drawn_tree_below_its_parent() -> None:
    tree = (errors.__doc__ or "").splitlines()
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in tree:
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


def test_every_error_says_what_it_is() -> None:
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        assert inspect.getdoc(kind), name


def test_readme_mentions_every_flow() -> None:
    readme = (_ROOT / "README.md").read_text()
    names = {path.stem for path in (_ROOT / "flows").glob("*.py")} - {"__init__"}

    assert full_sync.fn.__name__ in names
    assert {name for name in names if name not in readme} == set()
