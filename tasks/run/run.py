"""Opens and ends a run: the database, the org, the ledger of its requests, and the record of how it ended."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect import get_run_logger, runtime

from blocks.api_budget import ApiBudget, find_budget
from blocks.customer_database import CustomerDatabase
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.budget.ledger import RequestLedger
from crm_sync.columns.memory import use_jemalloc
from crm_sync.database.clock import shared_clock
from crm_sync.database.engine import CustomerDatabase as OpenDatabase
from crm_sync.errors import SyncError
from crm_sync.organisation.bound_store import OtherOrg
from crm_sync.runs.counts import Counts
from crm_sync.runs.history_store import end_run, start_run
from crm_sync.runs.states import RunState, state_after
from crm_sync.salesforce.limits import LONGEST_WAIT
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.sobject import SObject
from tasks.run.ledger import open_ledger
from tasks.run.organisation import OrgGuard, recognise_org
from tasks.run.throttle import mend_limits, open_throttle
from tasks.run.waiting import pause_for


def utc_now() -> datetime:
    """Return the present moment; the only clock of the flows."""
    return datetime.now(UTC)


@dataclass
class Run:
    """What the steps of one run share; `number` is its row in sync_run, `sleep` pauses between two looks or tries,
    and `longest_wait` is how many seconds something is waited for in Salesforce."""

    database: OpenDatabase
    org: SalesforceOrg
    ledger: RequestLedger
    org_key: str
    number: int
    started_at: datetime
    sleep: Callable[[float], None]
    longest_wait: float = LONGEST_WAIT
    _is_ended: bool = False

    @property
    def seconds(self) -> float:
        """How long the run has been going."""
        return (utc_now() - self.started_at).total_seconds()

    def end(self, state: RunState, counts: Mapping[SObject, Counts] | None = None) -> None:
        """Record how the run ended; the first end counts."""
        if self._is_ended:
            return
        self._is_ended = True
        with self.database.transaction() as connection:
            end_run(
                connection,
                self.number,
                state=state,
                counts=counts or {},
                requests_used=self.ledger.used,
                now=utc_now(),
            )


@contextmanager
def open_run(
    flow: str,
    salesforce: SalesforceCredentials | str,
    database: CustomerDatabase | str,
    *,
    while_closed: bool = False,
    while_away: bool = False,
    other_org: OtherOrg = OtherOrg.REFUSE,
    at_end: Callable[[OpenDatabase, str, datetime], None] = lambda *_: None,
) -> Iterator[Run]:
    """Open everything a run needs, and record how it ends: as Completed, unless the flow or an error says otherwise.

    Raises ConfigurationError before any request is made when a block is missing or the database does not open, and
    LimitReachedError when Salesforce has lately refused requests for a limit. `while_closed`: not where the flow has an
    answer of its own to limits; it does not wait for the hour either. `while_away`: it has work without Salesforce.
    `other_org`: what a person said of an org that the database does not belong to; without a word it is refused.
    `at_end` gets the database, the org's key and the time, after the end is recorded.
    """
    use_jemalloc()
    credentials = load_block(SalesforceCredentials, salesforce)
    with ExitStack() as stack:
        customers = load_block(CustomerDatabase, database).open()
        stack.callback(customers.close)
        for said in mend_limits():
            get_run_logger().warning("%s", said)
        clock = shared_clock(customers, utc_now)
        budget = find_budget()
        ledger = open_ledger(customers, credentials.org_key, flow, clock, budget, waits=not while_closed)
        throttle, guard = stack.enter_context(open_throttle(flow)), OrgGuard(customers, other_org)
        org = credentials.get_client(throttle=throttle, ledger=ledger, clock=clock, accept=guard)
        stack.callback(org.close)
        started_at = utc_now()
        with customers.transaction() as connection:
            flow_run_id = str(runtime.flow_run.id) if runtime.flow_run.id else None
            number = start_run(connection, flow, credentials.org_key, flow_run_id, started_at)
        wait = pause_for(credentials.endpoint_url)
        longest_wait = (budget or ApiBudget()).longest_job_hours * 3600
        run = Run(customers, org, ledger, credentials.org_key, number, started_at, wait, longest_wait)
        stack.callback(lambda: at_end(customers, credentials.org_key, utc_now()))
        try:
            if not while_closed:
                ledger.check_open(clock())
            if guard.is_bound:
                recognise_org(org, while_closed=while_closed, while_away=while_away)
            yield run
            run.end(RunState.COMPLETED)
        except SyncError as error:
            run.end(state_after(error))
            raise
