"""Writes a campaign's customers back to their lead or contact: the "Salesforce Synchronize" step."""

from dataclasses import replace

from prefect import runtime

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.push.result import PushResult
from crm_sync.push.selection import FieldEquals
from crm_sync.push.settings import check_settings
from tasks.consent.deliver import deliver_consent
from tasks.pages.budget import refresh_budget_quietly
from tasks.pages.push import publish_push
from tasks.push.push import enter, find_customers, hold_entering, preview_push, push_queue
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import Number, flow, run_name
from tasks.run.run import open_run

_FLOW = "campaign_push"


def _run_name() -> str:
    return run_name(f"push of campaign {runtime.flow_run.parameters['campaign']}")


@flow(name=_FLOW, flow_run_name=_run_name)
def campaign_push(
    campaign: str,
    *,
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    mapping: DataMapping | str = "mapping",
    settings: SalesforceSynchronize | str = "salesforce-synchronize",
    selection: list[FieldEquals] = [],  # noqa: B006  # the form shows it; never changed
    customer_ids: list[Number] = [],  # noqa: B006  # as above
    dry_run: bool = False,
    approve_changes: bool = False,
) -> PushResult:
    """Write the customers that wait in a campaign to their Salesforce records; each leaves by one output.

    May be repeated: a customer without changes costs no request.

    Args:
        campaign: Name of the campaign whose customers wait in the queue; with a selection or ids, a new one may be
            named.
        salesforce: Salesforce credentials, a saved block or its name.
        database: Customer database, a saved block or its name.
        mapping: Data mapping, a saved block or its name.
        settings: Salesforce Synchronize settings of this campaign step, a saved block or its name.
        selection: Customers that enter the step now, by the values of their fields; all conditions have to be met.
        customer_ids: Customers that enter the step now, by their numbers in the customer database: some 60,000 at most,
            since Prefect keeps the parameters of a run; for more, a selection or several runs.
        dry_run: Show how many would enter and how many would be written, by field; nobody enters, nothing is written.
        approve_changes: Let the selection enter although it is more than half of all customers; a dry run shows them.
    """

    def push() -> PushResult:
        step = load_block(SalesforceSynchronize, settings)
        checked = check_settings(step, load_block(DataMapping, mapping).rules())
        with open_run(_FLOW, salesforce, database, while_closed=True, at_end=refresh_budget_quietly) as run:
            audience = find_customers(
                run, campaign, step.step, checked.rules, customer_ids=customer_ids, selection=selection
            )
            free, held = hold_entering(run, audience, checked.rules.safeguards, is_approved=approve_changes)
            if dry_run:
                result = preview_push(run, audience, checked)
            else:
                deliver_consent(run, checked.rules)
                result = push_queue(run, enter(run, free), checked, unknown_ids=audience.unknown_ids)
            result = replace(result, held=held)
            run.end(result.state)
        publish_push(_FLOW, result, checked)
        return result

    return end_in_a_sentence(push)
