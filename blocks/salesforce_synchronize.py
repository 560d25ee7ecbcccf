"""The settings of a campaign's Salesforce Synchronize step, as saved in Prefect."""

from pydantic import ConfigDict, Field, field_validator

from blocks.saved_block import SavedBlock, picked_from_a_list
from crm_sync.push.settings import PushSettings
from crm_sync.salesforce.read.soql import checked_field
from crm_sync.sobject import SObject


class SalesforceSynchronize(SavedBlock):
    """What a campaign step writes to Salesforce: which object, which fields, and who wins."""

    _block_type_name = "Salesforce Synchronize"
    _block_type_slug = "salesforce-synchronize"
    _description = (
        "A campaign step that writes customers to their lead or contact. Customers leave it by continue, and by one of "
        "success, error and limit. A field can be sent when the data mapping links it: it is then pulled from "
        "Salesforce and sent to it; linked fields that are not named here are only pulled."
    )

    model_config = ConfigDict(json_schema_extra=picked_from_a_list("sobject", "fields"))

    sobject: SObject = Field(
        default=SObject.CONTACT,
        title="Write to",
        description="Leads or contacts. The customer's Salesforce Id, which has to be linked in the data mapping when "
        "it is not the unique field, says which one.",
    )
    fields: list[str] = Field(
        default=["HasOptedOutOfEmail"],
        title="Salesforce fields to send",
        description="API names, for example Title or MobilePhone. Only fields that the data mapping links: these go "
        "both ways, all other links only from Salesforce to the customer. The Id is always part of it.",
    )
    always_send: bool = Field(
        default=False,
        title="Always send",
        description="Off: only values that differ from what Salesforce is known to have. On: every value of the fields "
        "above, which also starts the automation that Salesforce has on them.",
    )
    customer_wins: bool = Field(
        default=False,
        title="The customer wins",
        description="Off: a field that Salesforce has changed since the last pull stays as it is there, and the run "
        "reports it; this takes one request more per push. On: the customer's value overwrites it.",
    )
    trust_pull_minutes: int = Field(
        default=0,
        ge=0,
        le=1440,
        title="Trust a pull for (minutes)",
        description="If the last pull is no older, Salesforce is not asked for changes before sending, which saves "
        "that request; what it changed in those minutes is overwritten. 0: always ask.",
    )
    follow_converted: bool = Field(
        default=True,
        title="Follow converted leads",
        description="On: what is meant for a converted lead goes to its contact, to the fields that are linked to the "
        "same customer fields. Off: such customers leave by error.",
    )

    @field_validator("fields")
    @classmethod
    def _are_api_names(cls, value: list[str]) -> list[str]:
        return [checked_field(name.strip()) for name in value]

    @property
    def step(self) -> str:
        """The step's name: the one under which the settings are saved."""
        return self._block_document_name or self._block_type_slug or "salesforce-synchronize"

    def settings(self) -> PushSettings:
        """Return the settings as the rules read them."""
        return PushSettings(
            sobject=self.sobject,
            fields=tuple(self.fields),
            always_send=self.always_send,
            customer_wins=self.customer_wins,
            follow_converted=self.follow_converted,
            trust_pull_minutes=self.trust_pull_minutes,
        )
