"""Opens and ends a run: database, org, request count, and an ending that says what happened in one sentence."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Any, NoReturn, Protocol, TypeVar

from prefect import get_run_logger, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from blocks.api_budget import ApiBudget
from blocks.customer_database import CustomerDatabase
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.budget.ledger import RequestLedger
from crm_sync.columns.memory import use_jemalloc
from crm_sync.database.engine import CustomerDatabase as OpenDatabase
from crm_sync.errors import ConfigurationError, LimitReachedError, SyncError
from crm_sync.pull.summary import SyncSummary
from crm_sync.runs.counts import Counts
from crm_sync.runs.history import count_rejects, end_run, read_reject_examples, start_run
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.sobject import SObject
from tasks.pages.budget import refresh_budget_quietly
from tasks.run.ledger import open_ledger
from tasks.run.throttle import create_missing_limits, open_throttle
from tasks.run.waiting import no_pause

# So many rejects a run's page shows with a link; all of them are in rejected_record.
_EXAMPLES = 20


def utc_now() -> datetime:
    """Return the present moment; the only clock of the flows."""
    return datetime.now(UTC)


class Run:
    """What the steps of one run share."""

    def __init__(
        self,
        database: OpenDatabase,
        org: SalesforceOrg,
        ledger: RequestLedger,
        *,
        org_key: str,
        number: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Start the run's stopwatch; `number` is its row in sync_run, `sleep` pauses between two looks or tries."""
        self.database = database
        self.org = org
        self.org_key = org_key
        self.number = number
        self.sleep = sleep
        self.started_at = utc_now()
        self.ledger = ledger
        self._began = monotonic()

    def finish(self, counts: dict[SObject, Counts], *, own_rejects: bool = False, **findings: Any) -> SyncSummary:
        """Record the run as done and return its summary; `findings` are further parts of the summary.

        `own_rejects`: show only the records that this run could not use, not those of earlier ones too.
        """
        with self.database.transaction() as connection:
            run = self.number if own_rejects else None
            summary = SyncSummary(
                counts=counts,
                requests_used=self.ledger.used,
                seconds=monotonic() - self._began,
                rejects=count_rejects(connection, counts.keys(), run),
                reject_examples=read_reject_examples(connection, counts.keys(), _EXAMPLES, run),
                org_host=self.org.host,
                **findings,
            )
            end_run(
                connection,
                self.number,
                state=summary.state,
                counts=counts,
                requests_used=summary.requests_used,
                now=utc_now(),
            )
        return summary

    def stop(self, state: str) -> None:
        """Record the run as ended before it was done."""
        with self.database.transaction() as connection:
            end_run(connection, self.number, state=state, counts={}, requests_used=self.ledger.used, now=utc_now())


@contextmanager
def open_run(
    flow: str,
    salesforce: SalesforceCredentials | str,
    database: CustomerDatabase | str,
    budget: ApiBudget | str | None = None,
    *,
    while_closed: bool = False,
) -> Iterator[Run]:
    """Open everything a run needs, and record how it ends.

    Raises ConfigurationError before any request is made when a block is missing or the database does not open, and
    LimitReachedError when Salesforce has lately refused requests for a limit, unless the flow has an answer of its own
    to limits (`while_closed`): it then does not wait for the hour either.
    """
    use_jemalloc()
    credentials = load_block(SalesforceCredentials, salesforce)
    with ExitStack() as stack:
        customers = load_block(CustomerDatabase, database).open()
        stack.callback(customers.close)
        for name in create_missing_limits():
            get_run_logger().warning("The concurrency limit %s did not exist; it was created with its default.", name)
        ledger = open_ledger(customers, credentials.org_key, flow, utc_now, budget, waits=not while_closed)
        throttle = stack.enter_context(open_throttle(flow))
        org = credentials.get_client(throttle=throttle, ledger=ledger, clock=utc_now)
        stack.callback(org.close)
        with customers.transaction() as connection:
            flow_run_id = str(runtime.flow_run.id) if runtime.flow_run.id else None
            number = start_run(connection, flow, credentials.org_key, flow_run_id, utc_now())
        sleep = no_pause if credentials.endpoint_url else time.sleep
        run = Run(customers, org, ledger, org_key=credentials.org_key, number=number, sleep=sleep)
        stack.callback(lambda: refresh_budget_quietly(customers, credentials.org_key, utc_now(), budget))
        try:
            if not while_closed:
                ledger.check_open(utc_now())
            yield run
        except SyncError as error:
            run.stop(state_name(error))
            raise


def state_name(error: SyncError) -> str:
    """Name the final state that an error leads to."""
    if isinstance(error, LimitReachedError):
        return "CutByLimit"
    return "NotConfigured" if isinstance(error, ConfigurationError) else "Failed"


class Outcome(Protocol):
    """What a flow comes to: the name of its final state, and the sentence to it."""

    @property
    def state(self) -> str:
        """Name the state."""
        ...

    def sentence(self) -> str:
        """Say what happened."""
        ...


SomeOutcome = TypeVar("SomeOutcome", bound=Outcome)


def ended(outcome: SomeOutcome) -> SomeOutcome:
    """Return the outcome as the flow's final state; rejects and missing fields show in the state's name."""
    state: State[SomeOutcome] = Completed(name=outcome.state, message=outcome.sentence(), data=outcome)
    return state  # type: ignore[return-value]  # Prefect gives the caller of the flow the state's data


def ended_early(error: SyncError) -> NoReturn:
    """Return the error as the flow's final state: its sentence in the UI, itself raised for a Python caller."""
    # For the flow's caller there is no return: Prefect raises the data of a failed state.
    return Failed(name=state_name(error), message=str(error), data=error)  # type: ignore[misc]


class _OneSentence(logging.Filter):
    """Logs our own errors as the sentence they carry; the traceback would only hide it."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, SyncError):
            record.msg, record.args, record.exc_info, record.exc_text = str(error), (), None, None
        return True


_ONE_SENTENCE = _OneSentence()


def log_errors_as_sentences() -> None:
    """Let Prefect log our errors without traceback; call it first in every flow."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_ONE_SENTENCE)
