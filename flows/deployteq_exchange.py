"""Every ten minutes, with a Deployteq account: opt-outs and changes from there, what differs to there."""

from datetime import timedelta

from prefect import runtime

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.deployteq_account import DeployteqAccount
from blocks.deployteq_delivery import DeployteqDelivery
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.errors import PersonNeededError
from crm_sync.exchange.collection import Collected
from crm_sync.exchange.consent import ConsentDelivered
from crm_sync.exchange.delivery import Delivered
from crm_sync.exchange.summary import ExchangeSummary
from tasks.consent.deliver import deliver_consent
from tasks.exchange.opening import open_exchange
from tasks.exchange.steps import collect_changes, deliver_customers, write_consent
from tasks.pages.exchange import publish_exchange
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import flow
from tasks.run.run import open_run

_FLOW = "deployteq_exchange"
EVERY = timedelta(minutes=10)


def _run_name() -> str:
    return "Deployteq exchange" + (", dry run" if runtime.flow_run.parameters.get("dry_run") else "")


@flow(name=_FLOW, flow_run_name=_run_name)
def deployteq_exchange(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    mapping: DataMapping | str = "mapping",
    account: DeployteqAccount | str = "deployteq",
    delivery: DeployteqDelivery | str = "deployteq-delivery",
    *,
    dry_run: bool = False,
    approve_new_customers: bool = False,
) -> ExchangeSummary:
    """Collect opt-outs and changes from Deployteq, tell Salesforce of opt-outs, deliver what differs to Deployteq.

    A no is never undone by it. Running it again changes nothing.

    Args:
        salesforce: Salesforce credentials, a saved block or its name.
        database: Customer database, a saved block or its name.
        mapping: Data mapping, a saved block or its name.
        account: Deployteq account, a saved block or its name.
        delivery: Deployteq delivery, a saved block or its name.
        dry_run: Say how many customers would be made and updated, and in how many calls; write nothing.
        approve_new_customers: Go on after the first customers, or with more new ones at once than usual.
    """

    def exchange() -> ExchangeSummary:
        rules = load_block(DataMapping, mapping).rules()
        with (
            open_run(_FLOW, salesforce, database, while_closed=True) as run,
            open_exchange(run, rules, _FLOW, account, delivery) as opened,
        ):
            collected, consent, delivered, person_needed = Collected(), ConsentDelivered(), Delivered(), ""
            if not dry_run:
                collected = collect_changes(opened)
                deliver_consent(run, rules)
                consent = write_consent(opened)
            try:
                delivered = deliver_customers(opened, approved=approve_new_customers, dry_run=dry_run)
            except PersonNeededError as needed:
                person_needed = str(needed)
            summary = ExchangeSummary(
                collected,
                consent,
                delivered,
                opened.account.calls,
                person_needed,
                dry_run,
                frozenset(opened.account.unknown_fields),
            )
            run.end(summary.state)
        publish_exchange(summary)
        return summary

    return end_in_a_sentence(exchange, every=EVERY)
