"""The data mapping, as saved in Prefect."""

from typing import Self

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, model_validator

from blocks.named import picked_from_a_list
from crm_sync.mapping import MappingRules, ObjectMapping, Precedence
from crm_sync.standard_mapping import standard_contact_mapping, standard_lead_mapping


class DataMapping(Block):
    """Which Salesforce field goes into which customer field, for leads and for contacts."""

    _block_type_name = "Data mapping"
    _block_type_slug = "salesforce-data-mapping"
    _description = "Links between Salesforce fields and customer fields; one of them tells customers apart."

    model_config = ConfigDict(json_schema_extra=picked_from_a_list("contact", "lead"))

    contact: ObjectMapping = Field(
        # A literal default: the form in the UI shows it, which it would not with a factory.
        default=standard_contact_mapping(),
        title="Contacts",
        description="What is read from Salesforce contacts. Without links, contacts are left out.",
    )
    lead: ObjectMapping = Field(
        default=standard_lead_mapping(),
        title="Leads",
        description="What is read from Salesforce leads. Without links, leads are left out.",
    )
    precedence: Precedence = Field(
        default=Precedence.CONTACT_FIRST,
        title="Who speaks for a customer",
        description="When a lead and a contact are one customer: the contact, or whichever changed last.",
    )

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        self.rules()
        return self

    def rules(self) -> MappingRules:
        """Return the mapping as the rules read it."""
        return MappingRules(contact=self.contact, lead=self.lead, precedence=self.precedence)
