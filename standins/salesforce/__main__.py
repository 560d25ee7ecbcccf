"""`python -m standins.salesforce`: an org as a process of its own, for the demo and the benchmark."""

import argparse
import signal
import sys
import threading
from pathlib import Path
from random import Random

from standins.parent import stop_with_the_parent
from standins.salesforce.org.org import Org
from standins.salesforce.people.daily_life import DailyLife
from standins.salesforce.people.seed import seed
from standins.salesforce.server import Server


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the first line on standard output is the base URL."""
    options = _parser().parse_args(arguments)
    # An org's own database can be large: leave the usual way, so that it is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if options.stop_with_parent:
        stop_with_the_parent()
    with Org(database=options.database) as org:
        if not any(org.records.count(name) for name in ("Lead", "Contact")):
            seed(org, options.records, options.seed, contacts_only=options.contacts_only)
        with Server(org, port=options.port, control=options.control) as server:
            sys.stdout.write(f"{server.url}\n")
            sys.stdout.flush()
            stopping = threading.Event()
            try:
                if options.lively:
                    DailyLife(org, Random()).run(options.lively, stopping)  # noqa: S311 - dice, no secret
                stopping.wait()
            except KeyboardInterrupt:
                return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m standins.salesforce", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--records", type=int, default=1000, help="leads and contacts to invent")
    parser.add_argument("--seed", type=int, default=1, help="the same seed invents the same people")
    parser.add_argument("--contacts-only", action="store_true", help="no leads")
    parser.add_argument("--database", type=Path, help="SQLite file to keep the org in; used again when it has records")
    parser.add_argument("--lively", type=float, metavar="SECONDS", help="let people change every so many seconds")
    parser.add_argument("--control", action="store_true", help="open /__control")
    parser.add_argument("--stop-with-parent", action="store_true", help="end when standard input ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
