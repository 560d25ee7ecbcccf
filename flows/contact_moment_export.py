"""Every quarter of an hour: each e-mail with its opens, clicks and bounce, on the lead or contact in Salesforce."""

from datetime import timedelta

from blocks.contact_moment_objects import ContactMomentObjects
from blocks.contact_moment_settings import ContactMomentSettings
from blocks.customer_database import CustomerDatabase
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.errors import LimitReachedError
from crm_sync.moments.objects import MomentObjects
from crm_sync.moments.settings import MomentRules
from crm_sync.moments.summary import MomentExportSummary
from tasks.moments.export import announce_cost, export_due, prepare_export, sum_up
from tasks.pages.budget import refresh_budget_quietly
from tasks.pages.moments import publish_moments
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import flow, run_name
from tasks.run.run import open_run

_FLOW = "contact_moment_export"
EVERY = timedelta(minutes=15)


@flow(name=_FLOW, flow_run_name=lambda: run_name("contact moment export"))
def contact_moment_export(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    objects: ContactMomentObjects | str | None = None,
    settings: ContactMomentSettings | str | None = None,
    *,
    dry_run: bool = False,
    refused_again: bool = False,
) -> MomentExportSummary:
    """Show each e-mail on the lead or contact it went to: sent, opened, clicked, bounced, with its online version.

    Only what changed since the last run is written, and never twice; without changes no request is made.

    Args:
        salesforce: Salesforce credentials, a saved block or its name.
        database: Customer database, a saved block or its name.
        objects: Contact moment objects, a saved block or its name. Leave empty for those that
            install-contact-moment-objects installs.
        settings: Contact moment settings, a saved block or its name: which moments go, and how many. Leave empty for
            all of the last year.
        dry_run: Only forecast the cost of a run in requests and in Salesforce storage.
        refused_again: Also write moments that Salesforce refused before, when an administrator has mended the cause.
    """

    def export_moments() -> MomentExportSummary:
        names = load_block(ContactMomentObjects, objects) if objects else MomentObjects()
        rules = load_block(ContactMomentSettings, settings) if settings else MomentRules()
        with open_run(_FLOW, salesforce, database, while_closed=True, at_end=refresh_budget_quietly) as run:
            export = prepare_export(run, names, rules, refused_again=refused_again)
            cost = announce_cost(export)
            limit = None if dry_run else export_due(export, cost)
            summary = sum_up(export, cost, limit, dry_run=dry_run)
            publish_moments(summary)
            if limit is not None:
                raise LimitReachedError(summary.sentence(), code=limit.code, until=limit.until) from limit
            run.end(summary.state)
        return summary

    return end_in_a_sentence(export_moments, every=EVERY)
