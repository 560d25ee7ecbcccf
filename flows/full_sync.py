"""Every mapped lead and contact, once, from Salesforce into the customer database."""

from typing import Literal

from prefect import runtime

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.organisation.bound_store import OtherOrg
from crm_sync.pull.summary import SyncSummary
from tasks.consent.deliver import deliver_consent
from tasks.pages.budget import refresh_budget_quietly
from tasks.pages.sync import publish_sync
from tasks.pull.landing import complete_landing, known_types, landing_of
from tasks.pull.organisation import bind_org, left_of_org_before
from tasks.pull.summary import end_sync
from tasks.pull.upkeep import forget_what_is_over
from tasks.pull.whole_object import begin_or_resume, drop_checkpoints, store_object
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import flow
from tasks.run.mapping import check_mapping
from tasks.run.run import open_run

_FLOW = "full_sync"


def _run_name() -> str:
    given = runtime.flow_run.parameters
    mode = "anew" if given.get("start_again") else "once"
    return f"full sync of {' and '.join(given['objects'])}, {mode}"


@flow(name=_FLOW, flow_run_name=_run_name)
def full_sync(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    mapping: DataMapping | str = "mapping",
    objects: list[Literal["Contact", "Lead"]] = ["Contact", "Lead"],  # noqa: B006  # the form shows it; never changed
    start_again: bool = False,
    *,
    repair: bool = False,
    other_org: Literal["refuse it", "the same org, moved or refreshed", "another org, a new start"] = "refuse it",
    approve_changes: bool = False,
) -> SyncSummary:
    """Bring every mapped lead and contact from Salesforce into the customer database.

    A run that was cut short goes on where it stopped; running it twice changes nothing.

    Args:
        salesforce: Salesforce credentials, a saved block or its name.
        database: Customer database, a saved block or its name.
        mapping: Data mapping, a saved block or its name.
        objects: Which Salesforce objects to read.
        start_again: Start from the first record, even if an earlier run was cut short.
        repair: Overwrite every linked field of every customer with what Salesforce has, also where it was changed here.
        other_org: When the credentials lead to another org than before: refuse it, or read everything anew since it is
            the same org, moved or refreshed, or begin anew with another org.
        approve_changes: Carry out what the runs before held back, since it concerns too many people at once: deletions,
            lost or other e-mail addresses and unique fields, lost values, and people who would be mailed again.
    """

    def sync() -> SyncSummary:
        rules = load_block(DataMapping, mapping).rules()
        wanted = [sobject for sobject in rules.mapped if sobject in objects]
        with open_run(_FLOW, salesforce, database, other_org=OtherOrg(other_org), at_end=refresh_budget_quietly) as run:
            checked = check_mapping(run.org, rules, wanted, known_types(run))
            wanted = [sobject for sobject in wanted if sobject in checked.readable]
            bind_org(run, rules.mapped, OtherOrg(other_org))
            begun = begin_or_resume(run, checked, wanted, start_again=start_again)
            landing = landing_of(run, checked, repair=repair)
            counts = {sobject: store_object(run, checked, landing, reached) for sobject, reached in begun.items()}
            drop_checkpoints(run, wanted)
            whole = wanted == rules.mapped
            landed = complete_landing(run, checked, landing, counts, is_approved=approve_changes, judges=whole)
            forget_what_is_over(run, rules.safeguards)
            limit = deliver_consent(run, rules)
            resumed = [sobject for sobject, reached in begun.items() if reached.sync_run_id != run.number]
            of_before = left_of_org_before(run, OtherOrg(other_org))
            summary = end_sync(run, checked, landed, resumed=resumed, of_before=of_before)
        publish_sync(_FLOW, summary)
        if limit:
            raise limit
        return summary

    return end_in_a_sentence(sync)
