"""Proposes a data mapping from the fields that Salesforce shows, without changing one that is saved."""

from dataclasses import replace

from blocks.customer_database import CustomerDatabase
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.mapping.proposal import MappingProposal
from tasks.pages.budget import refresh_budget_quietly
from tasks.pages.mapping_proposal import publish_proposal
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import flow
from tasks.run.run import open_run
from tasks.setup.mapping_proposal import propose, refuse_taken_name, save_proposal


@flow(name="propose_mapping", flow_run_name="propose mapping")
def propose_mapping(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    own_fields: bool = True,
    save_as: str = "",
) -> MappingProposal:
    """Match the fields of leads and contacts to customer fields; leaves a table, and a YAML file to copy.

    Args:
        salesforce: Salesforce credentials, a saved block or its name.
        database: Customer database, a saved block or its name.
        own_fields: Also propose a customer option field for every field that your org added itself.
        save_as: Name of a new Data mapping block to save the proposal as. Empty: nothing is saved. A block that
            exists is never changed.
    """
    name = save_as.strip()

    def match() -> MappingProposal:
        if name:
            refuse_taken_name(name)
        with open_run("propose_mapping", salesforce, database, at_end=refresh_budget_quietly) as run:
            proposal = propose(run, own_fields=own_fields)
            if name:
                save_proposal(proposal.rules, name)
                proposal = replace(proposal, saved_as=name)
        publish_proposal(proposal)
        return proposal

    return end_in_a_sentence(match)
