"""What is written down about the code says what the code is."""

from pathlib import Path

from flows.full_sync import full_sync

_ROOT = Path(__file__).parents[2]


def test_readme_mentions_every_flow() -> None:
    readme = (_ROOT / "README.md").read_text()
    names = {path.stem for path in (_ROOT / "flows").glob("*.py")} - {"__init__"}

    assert full_sync.fn.__name__ in names
    assert {name for name in names if name not in readme} == set()
