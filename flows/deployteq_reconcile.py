"""Every night, with a Deployteq account: reads all customers there, finds what no change ever announced."""

from functools import partial

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.deployteq_account import DeployteqAccount
from blocks.deployteq_delivery import DeployteqDelivery
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.errors import SyncError
from crm_sync.exchange.collection import connection_of
from crm_sync.exchange.summary import PairingSummary, ReadingPlan
from tasks.exchange.opening import open_exchange
from tasks.exchange.steps import forecast_calls, or_note, read_whole_account, write_consent, write_withdrawals
from tasks.pages.budget import refresh_budget_quietly
from tasks.pages.exchange import publish_pairing
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import flow
from tasks.run.run import open_run

_FLOW = "deployteq_reconcile"
_REFRESH = partial(refresh_budget_quietly, with_account=True)


@flow(name=_FLOW, flow_run_name="Deployteq reconcile")
def deployteq_reconcile(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    mapping: DataMapping | str = "mapping",
    account: DeployteqAccount | str = "deployteq",
    delivery: DeployteqDelivery | str = "deployteq-delivery",
    *,
    dry_run: bool = False,
) -> PairingSummary | ReadingPlan:
    """Read all customers in Deployteq: opt-outs, changes, doubles, deletions; consent is mended, the rest is shown.

    Args:
        salesforce: Salesforce credentials, a saved block or its name.
        database: Customer database, a saved block or its name.
        mapping: Data mapping, a saved block or its name.
        account: Deployteq account, a saved block or its name.
        delivery: Deployteq delivery, a saved block or its name.
        dry_run: Say in how many calls all customers would be read; read and write nothing else.
    """

    def reconcile() -> PairingSummary | ReadingPlan:
        rules = load_block(DataMapping, mapping).rules()
        with (
            open_run(_FLOW, salesforce, database, while_closed=True, while_away=True, at_end=_REFRESH) as run,
            open_exchange(run, rules, _FLOW, account, delivery) as opened,
        ):
            forecast = forecast_calls(opened)
            if dry_run:
                run.end(ReadingPlan.state)
                return ReadingPlan(forecast)
            found = read_whole_account(opened, forecast)
            problems: list[SyncError] = []
            or_note(lambda: write_withdrawals(run, rules), None, problems)
            write_consent(opened)
            state, unsafe = connection_of(opened)
            summary = PairingSummary(found, opened.account.calls, forecast, 0, state.is_accepted, tuple(unsafe))
            publish_pairing(summary, [])
            for problem in problems:
                raise problem
            run.end(summary.state)
        return summary

    return end_in_a_sentence(reconcile)
