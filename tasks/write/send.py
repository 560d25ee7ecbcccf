"""Writing records from a flow: one task for each request of the writer."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from prefect import get_run_logger, task
from prefect.runtime import task_run

from crm_sync.budget.write_sizes_store import read_write_size, save_write_size
from crm_sync.salesforce.write.options import WriteOptions
from crm_sync.salesforce.write.write import Writer
from tasks.run.forecasts import polls_of_a_job
from tasks.run.retry_policy import TALKS_TO_SALESFORCE
from tasks.run.run import Run, utc_now

Answer = TypeVar("Answer")
_USUAL = WriteOptions()


@task(task_run_name="{what}", **TALKS_TO_SALESFORCE)
def send(what: str, request: Callable[[bool], Answer]) -> Answer:  # the task's name
    """Make one request; a retry is marked as a repeat."""
    return request((task_run.run_count or 1) > 1)


def as_the_org_takes_it(run: Run, options: WriteOptions) -> WriteOptions:
    """Return the options with no more records at once than the org was found to take."""
    with run.database.transaction() as connection:
        known = read_write_size(connection, run.org_key, utc_now())
    return options if known is None else replace(options, at_once=min(options.at_once, known))


def open_writer(run: Run, options: WriteOptions = _USUAL, *, still_here: Callable[[], None] = lambda: None) -> Writer:
    """Return the writer of a run; `still_here` is called before each wait, which may take minutes."""

    def sleep(seconds: float) -> None:
        still_here()
        run.sleep(seconds)

    def found_size(records: int) -> None:
        with run.database.transaction() as connection:
            save_write_size(connection, run.org_key, records, utc_now())
        get_run_logger().warning(
            "The org takes %s records at once and not more, for its own triggers and flows or for their size; that is "
            "kept to for a week. Bulk jobs hand it 200, so none is used: it costs more requests, and the org's "
            "administrator can mend it.",
            records,
        )

    ways = as_the_org_takes_it(run, options)
    return Writer(run.org, send, sleep, random.random, polls_of_a_job(run), ways, found_size, run.longest_wait)
