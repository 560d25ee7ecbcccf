"""`python -m deployments.move_database FROM TO`: the customer database moves, from SQLite to PostgreSQL for example."""

import argparse
import sys

from blocks.customer_database import CustomerDatabase
from blocks.load import load_block
from crm_sync.database.copy import copy_database
from crm_sync.database.engine import CustomerDatabase as OpenDatabase
from crm_sync.errors import ConfigurationError, SyncError
from deployments.way_in import server_in_a_sentence


def main(arguments: list[str] | None = None) -> int:
    """Copy everything and print the rows of each table; return exit code 1 when nothing was copied."""
    options = _parser().parse_args(arguments)
    try:
        with server_in_a_sentence():
            source, target = _open(options.source), _open(options.target)
        if source.name == target.name:
            raise ConfigurationError("Both are the same database; name another one to move to.")
        for copied in copy_database(source, target):
            sys.stdout.write(f"{copied.table}: {copied.rows:,} rows\n")
    except SyncError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"All is in {target.name}; name it in the block of the customer database before anything runs.\n")
    return 0


def _open(given: str) -> OpenDatabase:
    return OpenDatabase(given) if "://" in given else load_block(CustomerDatabase, given).open()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deployments.move_database",
        description=f"{__doc__} Stop everything that runs before. The database moved from stays as it is.",
    )
    parser.add_argument("source", metavar="FROM", help="URL, or the name of a saved Customer database block")
    parser.add_argument("target", metavar="TO", help="the same, of a database that is empty or not there yet")
    return parser


if __name__ == "__main__":
    sys.exit(main())
