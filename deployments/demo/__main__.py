"""`make demo`: a stand-in org, the flows between it and a customer database, and what came of them."""

import argparse
import os
import sys

from deployments.environment import DEMO_FOLDER, free_port, lead_to_own_server, only_one, set_own_environment


def main() -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deployments.demo", description=__doc__)
    parser.add_argument("--deployteq", action="store_true", help="with a stand-in Deployteq account as well")
    options = parser.parse_args()
    home, port = set_own_environment(home=DEMO_FOLDER / "prefect"), free_port()
    # Prefect logs each task; the demo has words of its own. What runs log is in the UI all the same.
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    sys.stdout.write("Starting Prefect and a stand-in Salesforce org on this machine; it takes half a minute …\n")
    sys.stdout.flush()
    with only_one(home):
        lead_to_own_server(port, home)
        # Prefect reads its settings when it is imported.
        from deployments.demo.story import tell  # noqa: PLC0415

        return tell(port, deployteq=options.deployteq)


if __name__ == "__main__":
    sys.exit(main())
