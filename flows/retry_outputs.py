"""Sends customers again that left a Salesforce Synchronize step by *limit* or by an error."""

from prefect import runtime

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.push.result import PushResult
from crm_sync.push.settings import check_settings
from tasks.consent.deliver import deliver_consent
from tasks.pages.budget import refresh_budget_quietly
from tasks.pages.push import publish_push
from tasks.push.push import enter, find_customers_again, preview_push, push_queue
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import Number, flow, run_name
from tasks.run.run import open_run

_FLOW = "retry_outputs"


def _run_name() -> str:
    given = runtime.flow_run.parameters
    return run_name(f"{given.get('which') or 'limit'} of campaign {given['campaign']} again")


@flow(name=_FLOW, flow_run_name=_run_name)
def retry_outputs(
    campaign: str,
    which: str = "limit",
    of_run: Number | None = None,
    *,
    dry_run: bool = False,
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    mapping: DataMapping | str = "mapping",
    settings: SalesforceSynchronize | str = "salesforce-synchronize",
) -> PushResult:
    """Send customers again whose last output of a campaign step was *limit*, *error* or one error cause.

    Args:
        campaign: Name of the campaign.
        which: limit, error, or an error code such as UNABLE_TO_LOCK_ROW, as the page of the push shows it. With limit
            also those who still wait, because a limit or a kill left open what became of them.
        of_run: Only the outputs of this run; its number is on the page of the push.
        dry_run: Show how many would be sent and written, by field; nothing is written.
        salesforce: Salesforce credentials, a saved block or its name.
        database: Customer database, a saved block or its name.
        mapping: Data mapping, a saved block or its name.
        settings: Salesforce Synchronize settings of this campaign step, a saved block or its name.
    """

    def push_again() -> PushResult:
        step = load_block(SalesforceSynchronize, settings)
        checked = check_settings(step, load_block(DataMapping, mapping).rules())
        with open_run(_FLOW, salesforce, database, while_closed=True, at_end=refresh_budget_quietly) as run:
            audience = find_customers_again(run, campaign, step.step, which, of_run)
            if dry_run:
                result = preview_push(run, audience, checked, is_again=True)
            else:
                deliver_consent(run, checked.rules)
                again = [*audience.entering, *audience.left_behind]
                result = push_queue(run, enter(run, audience), checked, only=again)
            run.end(result.state)
        publish_push(_FLOW, result, checked)
        return result

    return end_in_a_sentence(push_again)
