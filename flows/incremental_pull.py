"""Every ten minutes: what was added, changed, deleted, merged or converted in Salesforce."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.pull.summary import SyncSummary
from flows.full_sync import full_sync
from tasks.consent.deliver import deliver_consent
from tasks.pages.budget import refresh_budget_quietly
from tasks.pages.sync import publish_sync
from tasks.pull.changes import find_pull_scope, preview_changed, read_changed, store_changed
from tasks.pull.summary import end_sync
from tasks.pull.upkeep import forget_what_is_over
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import flow, run_name
from tasks.run.run import open_run

_FLOW = "incremental_pull"
EVERY = timedelta(minutes=10)


@flow(name=_FLOW, flow_run_name=lambda: run_name("incremental pull"))
def incremental_pull(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    mapping: DataMapping | str = "mapping",
    *,
    dry_run: bool = False,
    show_values: bool = False,
    overlap_minutes: Annotated[int, Field(ge=0, le=1440)] = 10,
    full_sync_first: bool = False,
    approve_changes: bool = False,
) -> SyncSummary:
    """Bring what changed in Salesforce since the last run into the customer database.

    An object that was never read whole is left to a full sync. Running it again changes nothing.

    Args:
        salesforce: Salesforce credentials, a saved block or its name.
        database: Customer database, a saved block or its name.
        mapping: Data mapping, a saved block or its name.
        dry_run: Show which customers would change, field by field, and write nothing.
        show_values: In a dry run, show personal values in full; else only their first character.
        overlap_minutes: Read so many minutes again, because changes can become visible late.
        full_sync_first: Do the full sync that is due, if one is, and then go on.
        approve_changes: Carry out what the runs before held back, since it concerns too many people at once: deletions,
            lost or other e-mail addresses and unique fields, lost values, and people who would be mailed again.
    """

    def pull() -> SyncSummary:
        rules = load_block(DataMapping, mapping).rules()
        with open_run(_FLOW, salesforce, database, at_end=refresh_budget_quietly) as run:
            limit = None if dry_run else deliver_consent(run, rules)
            scope = find_pull_scope(run, rules)
            if scope.full_sync_reasons and full_sync_first and not dry_run:
                full_sync(salesforce, database, mapping, objects=[one.value for one in scope.full_sync_reasons])
                scope = find_pull_scope(run, rules)
            checked, found = read_changed(run, rules, scope.marks, timedelta(minutes=overlap_minutes))
            read = {sobject: found[sobject].asked_at for sobject in scope.marks if sobject in found}
            if dry_run:
                landed = preview_changed(run, checked, found, show_values=show_values)
            else:
                landed = store_changed(run, checked, found, scope.marks, is_approved=approve_changes)
                forget_what_is_over(run, rules.safeguards)
                limit = deliver_consent(run, rules)
            due = scope.reasons_after(read)
            summary = end_sync(run, checked, landed, own_rejects=True, full_sync_due=due)
        publish_sync(_FLOW, summary, landed.shown)
        if limit:
            raise limit
        return summary

    return end_in_a_sentence(pull, every=EVERY)
