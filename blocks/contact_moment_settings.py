"""Which contact moments go to Salesforce, as saved in Prefect."""

from pydantic import ConfigDict

from blocks.saved_block import SavedBlock, picked_from_a_list
from crm_sync.moments.settings import MomentRules


class ContactMomentSettings(SavedBlock, MomentRules):
    """How much of what Deployteq sent is shown on leads and contacts."""

    _block_type_name = "Contact moment settings"
    _block_type_slug = "salesforce-contact-moment-settings"
    _description = (
        "Keeps the number of records in Salesforce, where each takes 2 KB of storage, and of requests within bounds. "
        "A changed setting is applied to the moments that are in Salesforce too: what it leaves out of them is emptied "
        "there, and no moment is ever deleted."
    )

    model_config = ConfigDict(json_schema_extra=picked_from_a_list("kinds", "most_per_run"))
