"""Every five minutes: the pages of health, the request budget, activity and consent, and alerts; no request is made."""

from contextlib import closing

from blocks.api_budget import ApiBudget
from blocks.customer_database import CustomerDatabase
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from tasks.pages.activity import publish_activity
from tasks.pages.budget import refresh_budget
from tasks.pages.consent import refresh_consent_page
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import flow
from tasks.run.run import utc_now

# Those whose failure raises an alert.
WATCHED = ("full_sync", "incremental_pull", "contact_moment_export", "campaign_push")


@flow(name="api_budget", flow_run_name="API budget")
def api_budget(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    budget: ApiBudget | str | None = None,
) -> str:
    """Show how many Salesforce requests were made, are left and will be made, and raise alerts.

    The page health says whether all is well; activity shows what the last runs did and what waits, consent the noes.

    Args:
        salesforce: Salesforce credentials, a saved block or its name: whose requests to show.
        database: Customer database, a saved block or its name.
        budget: API budget, a saved block or its name. Leave empty for the one named 'budget', or the defaults.
    """

    def show() -> str:
        credentials = load_block(SalesforceCredentials, salesforce)
        with closing(load_block(CustomerDatabase, database).open()) as customers:
            publish_activity(customers, utc_now())
            refresh_consent_page(customers, utc_now())
            return refresh_budget(customers, credentials.org_key, utc_now(), budget, flows=WATCHED)

    return end_in_a_sentence(show)
