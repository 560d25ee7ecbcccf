"""Which version of this project is deployed, as the Prefect UI shows it beside each deployment."""

import os
import subprocess
from pathlib import Path

VERSION = "DEPLOYTEQ_VERSION"


def git_version() -> str | None:
    """Return DEPLOYTEQ_VERSION, or the commit of this checkout, or None where there is neither."""
    if given := os.environ.get(VERSION):
        return given
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    here = Path(__file__).parent
    try:
        found = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)  # noqa: S603  # our words
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
