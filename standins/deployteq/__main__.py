"""`python -m standins.deployteq`: a brand as a process of its own, for the demo and the benchmark."""

import argparse
import signal
import sys
import threading
from pathlib import Path
from random import Random

from standins.deployteq.brand import Brand
from standins.deployteq.kept import keep, restore
from standins.deployteq.people import People
from standins.deployteq.server import Server
from standins.parent import stop_with_the_parent

TOKEN = "stand-in-token"  # noqa: S105  # of the stand-in
OPTION_FIELDS = ["salesforce_customer", "salesforce_id", "salesforce_first_delivery"]


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the first line on standard output is the base URL, the second the outbox group."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if options.stop_with_parent:
        stop_with_the_parent()
    brand = Brand(options.token, option_fields={*OPTION_FIELDS, *options.fields})
    if not (options.state and restore(brand, options.state)):
        brand.outbox = brand.make_group("salesforce outbox")
    with Server(brand, port=options.port, control=options.control) as server:
        sys.stdout.write(f"{server.url}\n{brand.outbox}\n")
        sys.stdout.flush()
        stopping = threading.Event()
        people, dice = People(brand), Random()  # noqa: S311 - dice, no secret
        try:
            while not stopping.wait(options.lively or None):
                people.live(dice)
        except KeyboardInterrupt:
            return 0
        finally:
            if options.state:
                keep(brand, options.state)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m standins.deployteq", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--token", default=TOKEN, help="the API token of the brand")
    parser.add_argument("--lively", type=float, metavar="SECONDS", help="let people act every so many seconds")
    parser.add_argument("--state", type=Path, help="file that keeps the brand between two starts")
    parser.add_argument("--fields", nargs="*", default=[], help="option fields besides those of the exchange")
    parser.add_argument("--control", action="store_true", help="open /__control")
    parser.add_argument("--stop-with-parent", action="store_true", help="end when standard input ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
