"""`python -m tests.bench.pulls`: pulls of few and many changes into a large customer database.

The cost has to follow the changes and not the size of the database. `work` is the run itself, `flow` the whole
flow run, `Prefect` a flow run that does nothing; all measured in the same process.
"""

import argparse
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from tests.bench.__main__ import fresh_databases, run, stand_in_org

HEADINGS = ("database", "customers", "changes", "read", "requests", "work s", "flow s", "Prefect s", "peak MB")


def main() -> None:
    """Sync once, then pull each number of changes, and print one table."""
    options = _parser().parse_args()
    table = Table(*HEADINGS, title="Incremental pull")
    with TemporaryDirectory(prefix="bench-pulls-", ignore_cleanup_errors=True) as scratch:
        org_file = Path(scratch) / "org.sqlite"
        with stand_in_org(options.records, "--database", str(org_file)) as org_url:
            for database in options.databases:
                folder = Path(scratch) / database
                folder.mkdir()
                url, _ = fresh_databases(database, folder)
                run("sync", org_url, url, folder)
                for changes in options.changes:
                    change(org_file, options.records, changes)
                    figures = run("pull", org_url, url, folder)
                    row = (database, f"{options.records:,}", f"{changes:,}", f"{figures['read']:,}")
                    seconds = (f"{figures[name]:.2f}" for name in ("seconds", "whole", "prefect"))
                    row = (*row, str(figures["requests"]), *seconds, f"{figures['peak_mb']:.0f}")
                    table.add_row(*row)
                    Console(stderr=True).print(*row)
    Console(width=120).print(table)


def change(org_file: Path, records: int, changes: int) -> None:
    """Give so many contacts, spread over all, another title and a new stamp, behind the org's back."""
    if not changes:
        return
    now = datetime.now(UTC)
    stamp, title = f"{now:%Y-%m-%dT%H:%M:%S}.000Z", f"Title of {now:%H:%M:%S}"
    with closing(sqlite3.connect(org_file, timeout=60)) as org, org:
        org.execute(
            "UPDATE Contact SET Title = ?, SystemModstamp = ?, LastModifiedDate = ? WHERE n % ? = 0",
            (title, stamp, stamp, max(records // changes, 1)),
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pulls", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--changes", type=int, nargs="+", default=[0, 200, 2_000, 20_000, 200_000])
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    return parser


if __name__ == "__main__":
    main()
