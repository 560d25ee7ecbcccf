"""The steps of an exchange in Prefect; each may be tried again as a whole: what is due follows from what is kept."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from prefect import task

from crm_sync.errors import DeployteqDownError, LimitReachedError, SyncError
from crm_sync.exchange.collection import Account, Collected, ReadingForecast, collect, forecast_reading, read_account
from crm_sync.exchange.consent import ConsentDelivered, deliver_consent_there
from crm_sync.exchange.delivery import deliver
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.outcome import Delivered
from crm_sync.exchange.probe import probe
from crm_sync.exchange.probe_store import Finding
from crm_sync.exchange.settings import ChangesThere
from crm_sync.mapping.model import MappingRules
from crm_sync.push.outputs_store import find_outputs
from crm_sync.push.queue_store import find_queue
from crm_sync.push.result import Output
from tasks.consent.deliver import deliver_consent
from tasks.log import run_logger
from tasks.pages.sync import Progress
from tasks.run.organisation import AWAY
from tasks.run.retry_policy import TALKS_TO_SALESFORCE
from tasks.run.run import Run, utc_now

Done = TypeVar("Done")
# What keeps one side from its part of a run, and not the other.
_OTHER_SIDES = (*AWAY, LimitReachedError, DeployteqDownError)


def or_note(step: Callable[[], Done], instead: Done, problems: list[SyncError]) -> Done:
    """Do a step; when its side is away or takes no more, note it for the end of the run: the others do not wait."""
    try:
        return step()
    except _OTHER_SIDES as problem:
        problems.append(problem)
        return instead


def write_withdrawals(run: Run, rules: MappingRules) -> None:
    """Write the noes that wait to Salesforce; raises LimitReachedError where it takes no more requests."""
    limit = deliver_consent(run, rules)
    if limit:
        raise limit


def enter_again(run: Run, exchange: Exchange) -> None:
    """Let customers whose changes a limit kept from Salesforce enter their campaign again, once it takes requests."""
    settings = exchange.settings
    if settings.changes_there is not ChangesThere.SEND:
        return
    with suppress(LimitReachedError):
        run.ledger.check_open(utc_now())
        with exchange.database.transaction() as connection:
            queue = find_queue(connection, settings.campaign, settings.step)
            if again := find_outputs(connection, queue, Output.LIMIT) if queue else []:
                exchange.enter_campaign(connection, again)


@task(task_run_name="collect from Deployteq", **TALKS_TO_SALESFORCE)
def collect_changes(exchange: Exchange) -> Collected:
    """Bring opt-outs and changes from Deployteq."""
    return collect(exchange)


@task(task_run_name="write opt-outs to Deployteq", **TALKS_TO_SALESFORCE)
def write_consent(exchange: Exchange) -> ConsentDelivered:
    """Write noes, and the yeses that lift one, to Deployteq."""
    return deliver_consent_there(exchange)


@task(task_run_name="deliver customers to Deployteq", **TALKS_TO_SALESFORCE)
def deliver_customers(exchange: Exchange, *, approved: bool, dry_run: bool, again: Sequence[int]) -> Delivered:
    """Deliver what differs."""
    return deliver(exchange, approved=approved, dry_run=dry_run, again=again)


@task(task_run_name="read the Deployteq account", **TALKS_TO_SALESFORCE)
def read_whole_account(exchange: Exchange, forecast: ReadingForecast) -> Account:
    """Read and pair all customers."""
    run_logger().info("%s customers in Deployteq, about %s calls.", f"{forecast.customers:,}", f"{forecast.calls:,}")
    shown = Progress("deployteq_reading", "customer", done=0, expected=forecast.customers)
    return read_account(exchange, shown.add)


@task(task_run_name="count customers in Deployteq", **TALKS_TO_SALESFORCE)
def forecast_calls(exchange: Exchange) -> ReadingForecast:
    """Forecast a reading of the whole account."""
    return forecast_reading(exchange)


@task(task_run_name="measure Deployteq", **TALKS_TO_SALESFORCE)
def measure(exchange: Exchange) -> list[Finding]:
    """Find out by test customers what Deployteq's documentation leaves open."""
    return probe(exchange)
