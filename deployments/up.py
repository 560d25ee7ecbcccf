"""`python -m deployments.up`: Prefect server with UI, blocks, limits, and every deployment served, on one machine."""

import argparse
import signal
import sys
from contextlib import suppress

from deployments.environment import DEMO_FOLDER, is_free, lead_to_own_server, only_one, set_own_environment

_HIGHEST_PORT = 65_535


def main() -> None:
    """Serve until interrupted."""
    options = _parser().parse_args()
    port = _port(options.port)
    # A shell that starts this in the background has it ignore Ctrl-C's signal, and all its children too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda *_: sys.exit())
    home = set_own_environment(home=DEMO_FOLDER / "prefect" if options.demo else None)
    with suppress(KeyboardInterrupt), only_one(home):
        _check_free(port)
        login = lead_to_own_server(port, home)
        sys.stdout.write("Starting Prefect; the first time this takes a minute …\n")
        sys.stdout.flush()
        # Prefect reads its settings when it is imported.
        from deployments.serving import serve  # noqa: PLC0415

        serve(port, login, records=options.records if options.demo else None, deployteq=options.deployteq)


def _port(given: str) -> int:
    if given.isdecimal() and 0 < int(given) <= _HIGHEST_PORT:
        return int(given)
    raise SystemExit(f"PORT={given} is no port; give a number up to {_HIGHEST_PORT}, like make up PORT=4300.")


def _check_free(port: int) -> None:
    other = "choose another port: make up PORT=4300."
    try:
        if not is_free(port):
            raise SystemExit(
                f"Something listens on port {port} already, and this only works with a server of its own; stop the "
                f"other one, or {other}"
            )
    except PermissionError:
        raise SystemExit(f"This user may not take port {port}; {other}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments.up", description=__doc__)
    parser.add_argument("--port", default="4200", help="port of the Prefect server on 127.0.0.1")
    parser.add_argument("--demo", action="store_true", help="against a stand-in org, with blocks saved for it")
    parser.add_argument(
        "--deployteq", action="store_true", help="with --demo: with a stand-in Deployteq account as well"
    )
    parser.add_argument("--records", type=int, default=10_000, help="leads and contacts of the stand-in org")
    return parser


if __name__ == "__main__":
    main()
