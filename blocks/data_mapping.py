"""The data mapping, as saved in Prefect."""

from pydantic import ConfigDict, Field

from blocks.saved_block import SavedBlock, picked_from_a_list
from crm_sync.mapping.model import (
    DeletedPeople,
    MappingRules,
    ObjectMapping,
    Overwrite,
    Precedence,
    Resubscription,
)
from crm_sync.mapping.safeguards import Safeguards
from crm_sync.mapping.standard import standard_contact_mapping, standard_lead_mapping
from crm_sync.mapping.unstamped import FormulaReading


class DataMapping(SavedBlock):
    """Which Salesforce field goes into which customer field, for leads and for contacts."""

    _block_type_name = "Data mapping"
    _block_type_slug = "salesforce-data-mapping"
    _description = "Links between Salesforce fields and customer fields; one of them identifies customers."

    model_config = ConfigDict(json_schema_extra=picked_from_a_list("contact", "lead"))

    # The short ones first: below the links nobody would find them.
    precedence: Precedence = Field(
        default=Precedence.CONTACT_FIRST,
        title="Which record stands for a customer",
        description="When a lead and a contact are one customer: the contact, or whichever changed last.",
    )
    overwrite: Overwrite = Field(
        default=Overwrite.CHANGED_FIELDS,
        title="A pull overwrites",
        description="Only the fields that changed in Salesforce, so that a change made here to another field stays; or "
        "every linked field of a record that changed.",
    )
    resubscription: Resubscription = Field(
        default=Resubscription.PERSON_OR_USER,
        title="Who may subscribe a person again",
        description="After somebody has said no to e-mail. A Salesforce user counts only if the no stood there before; "
        "a complaint is taken back by the person only.",
    )
    deleted: DeletedPeople = Field(
        default=DeletedPeople.STOP_MAILING,
        title="People deleted in Salesforce",
        description="Whether a customer who is deleted in Salesforce is mailed on. Who comes back is mailed as before.",
    )
    formulas: FormulaReading = Field(
        default=FormulaReading.WITH_FULL_SYNC,
        title="Formulas and fields of a parent",
        description="Their values change without a change of the record, so a pull does not see it. When they are read "
        "again: it takes 2 to 20 requests, by the number of records.",
    )
    safeguards: Safeguards = Field(
        default=Safeguards(),
        title="Safeguards",
        description="What waits for a person since it concerns too many people at once, and how long old values stay.",
    )
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

    def check(self) -> None:
        """Raise ValueError when there is not one unique field."""
        self.rules()

    def rules(self) -> MappingRules:
        """Return the mapping as the rules read it."""
        return MappingRules(**{name: getattr(self, name) for name in MappingRules.model_fields})

    @classmethod
    def of(cls, rules: MappingRules) -> "DataMapping":
        """Return the block that holds a mapping."""
        return cls(**{name: getattr(rules, name) for name in MappingRules.model_fields})
