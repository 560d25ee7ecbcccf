"""The settings of a campaign's Salesforce Synchronize step, as saved in Prefect."""

from pydantic import ConfigDict

from blocks.saved_block import SavedBlock, picked_from_a_list
from crm_sync.push.settings import PushSettings


class SalesforceSynchronize(SavedBlock, PushSettings):
    """What a campaign step writes to Salesforce: which object, which fields, and who wins."""

    _block_type_name = "Salesforce Synchronize"
    _block_type_slug = "salesforce-synchronize"
    _description = (
        "A campaign step that writes customers to their lead or contact. Customers leave it by continue, and by one of "
        "success, error and limit. A field can be sent when the data mapping links it: it is then pulled from "
        "Salesforce and sent to it; linked fields that are not named here are only pulled."
    )

    model_config = ConfigDict(json_schema_extra=picked_from_a_list("sobject", "fields"))

    @property
    def step(self) -> str:
        """The step's name: the one under which the settings are saved."""
        return self._block_document_name or self._block_type_slug or "salesforce-synchronize"
