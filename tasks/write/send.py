"""Writing records from a flow: one task for each request of the writer."""

import random
from collections.abc import Callable
from typing import TypeVar

from prefect import task
from prefect.runtime import task_run

from crm_sync.salesforce.write.write import Writer
from tasks.run.forecasts import polls_of_a_job
from tasks.run.retry_policy import TALKS_TO_SALESFORCE
from tasks.run.run import Run

Answer = TypeVar("Answer")


@task(task_run_name="{what}", **TALKS_TO_SALESFORCE)
def send(what: str, request: Callable[[bool], Answer]) -> Answer:  # the task's name
    """Make one request; what is retried is told that it is a repeat."""
    return request((task_run.run_count or 1) > 1)


def open_writer(run: Run, *, still_here: Callable[[], None] = lambda: None) -> Writer:
    """Return the writer of a run; `still_here` is called before each wait, which may take minutes."""

    def sleep(seconds: float) -> None:
        still_here()
        run.sleep(seconds)

    return Writer(run.org, send, sleep, random.random, polls_of_a_job(run))
