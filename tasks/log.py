"""The run's logger."""

import logging

from prefect import get_run_logger
from prefect.exceptions import MissingContextError
from prefect.logging import get_logger


def run_logger() -> "logging.Logger | logging.LoggerAdapter[logging.Logger]":
    """Return the run's logger; outside of a run, Prefect's own."""
    try:
        return get_run_logger()
    except MissingContextError:
        return get_logger("budget")
