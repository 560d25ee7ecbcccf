"""`python -m tests.bench.moments`: a first export of many contact moments, an export of updates, and an idle one.

A job of the stand-in is done at the first look, and nothing waits before that look: the seconds are our own and the
stand-in's. With Salesforce, the wait for a job comes on top.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console
from rich.table import Table

from tests.bench.__main__ import fresh_databases
from tests.bench.forecasts import print_errors

HEADINGS = ("database", "run", "moments", "requests", "forecast", "at most", "seconds", "moments/s", "peak MB")
# What the export promises: requests of a first export, of updates, and of a run with nothing to do.
_AT_MOST = {"first export": 10, "updates": 12, "idle": 0}


def main() -> int:
    """Measure on each database, print one table, and return 1 when a promise about requests or a forecast was wrong."""
    options = _parser().parse_args()
    table, is_kept, measured = Table(*HEADINGS, title="Contact moment export"), True, []
    with TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
        for database in options.databases:
            folder = Path(scratch) / database
            folder.mkdir()
            with stand_in_org(options.people) as org_url:
                for name, moments, figures in measure(database, org_url, folder, options.moments, options.updates):
                    most = _AT_MOST.get(name)
                    is_kept &= most is None or figures["requests"] <= most
                    measured.append(figures)
                    table.add_row(database, *row(name, moments, most, figures))
    Console(width=120).print(table)
    return 0 if print_errors(measured) and is_kept else 1


def measure(
    kind: str, org_url: str, folder: Path, moments: int, updates: int
) -> Iterator[tuple[str, int, dict[str, float]]]:
    """Give the figures of each step."""
    url, _ = fresh_databases(kind, folder)

    def step(name: str, number: int) -> dict[str, float]:
        command = [sys.executable, "-m", "tests.bench.moment_steps", name, org_url, url, str(number), str(folder)]
        answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        return dict(json.loads(answer.stdout.splitlines()[-1]))

    step("prepare", 0)
    yield "record", moments, step("record", moments)
    yield "first export", moments, step("export", 0)
    step("open", updates)
    yield "updates", updates, step("export", 0)
    yield "idle", 0, step("export", 0)


def row(name: str, moments: int, most: int | None, figures: dict[str, float]) -> tuple[str, ...]:
    """Return the cells of one step."""
    # A few customers are converted leads whose contact was deleted; their moments wait.
    written = round(figures.get("written", moments))
    assert written >= 0.99 * moments, "an export that leaves much measures nothing"
    moments = written
    speed = f"{moments / figures['seconds']:,.0f}" if moments else ""
    shown = "" if most is None else str(most)
    requests, seconds = f"{figures['requests']:.0f}", f"{figures['seconds']:.1f}"
    forecast = str(figures.get("forecast") or "")
    return name, f"{moments:,}", requests, forecast, shown, seconds, speed, f"{figures['peak_mb']:.0f}"


@contextmanager
def stand_in_org(people: int) -> Iterator[str]:
    """Give the address of an org with leads and contacts, whose jobs are done at the first look."""
    command = [sys.executable, "-m", "standins.salesforce", "--control", "--records", str(people)]
    org = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        url = org.stdout.readline().strip() if org.stdout else ""
        httpx.post(f"{url}/__control", json={"settings": {"bulk_polls": 0}}).raise_for_status()
        yield url
    finally:
        org.terminate()
        org.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.moments", description=__doc__)
    parser.add_argument("--people", type=int, default=20_000, help="leads and contacts of the stand-in org")
    parser.add_argument("--moments", type=int, default=100_000)
    parser.add_argument("--updates", type=int, default=10_000)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    return parser


if __name__ == "__main__":
    sys.exit(main())
