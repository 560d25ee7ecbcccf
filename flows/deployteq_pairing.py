"""By hand, before anything is delivered to Deployteq: who is who, and what the interface does where nobody says."""

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.deployteq_account import DeployteqAccount
from blocks.deployteq_delivery import DeployteqDelivery
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.exchange.collection import accept_pairing, connection_of
from crm_sync.exchange.summary import PairingSummary, ReadingPlan
from tasks.exchange.opening import open_exchange
from tasks.exchange.steps import forecast_calls, measure, read_whole_account
from tasks.pages.exchange import publish_pairing
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import flow
from tasks.run.run import open_run, utc_now

_FLOW = "deployteq_pairing"


@flow(name=_FLOW, flow_run_name="Deployteq pairing")
def deployteq_pairing(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    mapping: DataMapping | str = "mapping",
    account: DeployteqAccount | str = "deployteq",
    delivery: DeployteqDelivery | str = "deployteq-delivery",
    *,
    dry_run: bool = False,
    may_write_test_customers: bool = False,
    accept_the_pairing: bool = False,
) -> PairingSummary | ReadingPlan:
    """Read the whole account and show who is who; of customers nothing but opt-outs changes here, and nothing there.

    Args:
        salesforce: Salesforce credentials, a saved block or its name.
        database: Customer database, a saved block or its name.
        mapping: Data mapping, a saved block or its name.
        account: Deployteq account, a saved block or its name.
        delivery: Deployteq delivery, a saved block or its name.
        dry_run: Say in how many calls all customers would be read; read and write nothing else.
        may_write_test_customers: Measure what Deployteq's documentation leaves open, with three customers that nobody
            mails and that are deleted again.
        accept_the_pairing: You have looked at the page of the run before, and the delivery may go by it.
    """

    def pair() -> PairingSummary | ReadingPlan:
        rules = load_block(DataMapping, mapping).rules()
        with (
            open_run(_FLOW, salesforce, database, while_closed=True, while_away=True) as run,
            open_exchange(run, rules, _FLOW, account, delivery) as opened,
        ):
            forecast = forecast_calls(opened)
            if dry_run:
                run.end(ReadingPlan.state)
                return ReadingPlan(forecast)
            findings = measure(opened) if may_write_test_customers else []
            found = read_whole_account(opened, forecast)
            if accept_the_pairing:
                accept_pairing(opened, utc_now())
            state, unsafe = connection_of(opened)
            first_calls = -(-found.figures.only_here // opened.settings.batch)
            summary = PairingSummary(
                found, opened.account.calls, forecast, first_calls, state.is_accepted, tuple(unsafe)
            )
            run.end(summary.state)
        publish_pairing(summary, findings)
        return summary

    return end_in_a_sentence(pair)
