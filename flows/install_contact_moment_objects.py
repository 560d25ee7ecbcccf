"""Installs the Salesforce objects that show contact moments on leads and contacts, and checks them."""

from blocks.contact_moment_objects import ContactMomentObjects
from blocks.customer_database import CustomerDatabase
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.moments.object_checks import MomentObjectsReport
from crm_sync.moments.objects import MomentObjects
from tasks.moments.objects import install_or_check, requeue_refused
from tasks.pages.budget import refresh_budget_quietly
from tasks.pages.moment_objects import publish_moment_objects
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import flow
from tasks.run.run import open_run


@flow(name="install_contact_moment_objects", flow_run_name="install contact moment objects")
def install_contact_moment_objects(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    objects: ContactMomentObjects | str | None = None,
    check_only: bool = False,
) -> MomentObjectsReport:
    """Put the contact moment objects into Salesforce where they are missing, and say what is left to do by hand.

    May be repeated: what is there stays as it is. Objects of another package are only checked.

    Args:
        salesforce: Salesforce credentials, a saved block or its name; for production and sandbox alike.
        database: Customer database, a saved block or its name; it counts the requests.
        objects: Contact moment objects, a saved block or its name. Leave empty for those that this flow installs.
        check_only: Look, and change nothing.
    """

    def install() -> MomentObjectsReport:
        names = load_block(ContactMomentObjects, objects) if objects else MomentObjects()
        with open_run("install_contact_moment_objects", salesforce, database, at_end=refresh_budget_quietly) as run:
            report = install_or_check(run, names, check_only=check_only)
            publish_moment_objects(report)
            if problem := report.error():
                raise problem
            requeue_refused(run)
        return report

    return end_in_a_sentence(install)
