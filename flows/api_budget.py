"""Every five minutes: the pages of the request budget and of activity, and alerts; no request is made."""

from prefect import flow

from blocks.api_budget import ApiBudget
from blocks.customer_database import CustomerDatabase
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.errors import SyncError
from tasks.pages.activity import publish_activity
from tasks.pages.budget import refresh_budget
from tasks.run.run import ended_early, log_errors_as_sentences, utc_now

# Those whose failure raises an alert.
WATCHED = ("full_sync", "incremental_pull", "contact_moment_export", "campaign_push")


@flow(name="api_budget", flow_run_name="API budget")
def api_budget(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    budget: ApiBudget | str | None = None,
) -> str:
    """Show how many Salesforce requests were made, are left and will be made, and raise alerts.

    A second page, activity, shows what the last runs did and what waits.

    Args:
        salesforce: Salesforce credentials, a saved block or its name: whose requests to show.
        database: Customer database, a saved block or its name.
        budget: API budget, a saved block or its name. Leave empty for the one named 'budget', or the defaults.
    """
    log_errors_as_sentences()
    try:
        credentials = load_block(SalesforceCredentials, salesforce)
        customers = load_block(CustomerDatabase, database).open()
        try:
            publish_activity(customers, utc_now())
            return refresh_budget(customers, credentials.org_key, utc_now(), budget, flows=WATCHED)
        finally:
            customers.close()
    except SyncError as error:
        return ended_early(error)
