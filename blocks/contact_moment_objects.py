"""What the contact moment objects are called in Salesforce, as saved in Prefect."""

from pydantic import ConfigDict

from blocks.saved_block import SavedBlock, picked_from_a_list
from crm_sync.moments.objects import MomentObjects


class ContactMomentObjects(SavedBlock, MomentObjects):
    """The two Salesforce objects that hold contact moments, and their fields."""

    _block_type_name = "Contact moment objects"
    _block_type_slug = "salesforce-contact-moment-objects"
    _description = (
        "Only for orgs whose contact moment objects have other names, such as those of a managed package. "
        "As it stands, it names the objects that the flow install_contact_moment_objects installs."
    )

    model_config = ConfigDict(json_schema_extra=picked_from_a_list("lead_object", "contact_object"))
