"""What the contact moment objects are called in Salesforce, as saved in Prefect."""

from pydantic import ConfigDict, Field, ValidationError, field_validator

from blocks.saved_block import SavedBlock, picked_from_a_list
from crm_sync.moments.objects import MomentFields, MomentObjects, checked_api_name, checked_namespace

_OURS = MomentObjects()


class ContactMomentObjects(SavedBlock):
    """The two Salesforce objects that hold contact moments, and their fields."""

    _block_type_name = "Contact moment objects"
    _block_type_slug = "salesforce-contact-moment-objects"
    _description = (
        "Only for orgs whose contact moment objects have other names, such as those of a managed package. "
        "As it stands, it names the objects that the flow install_contact_moment_objects installs."
    )

    model_config = ConfigDict(json_schema_extra=picked_from_a_list("lead_object", "contact_object"))

    namespace: str = Field(
        default="",
        title="Namespace",
        description="Of the managed package, as in Setup > Installed Packages. It is put before every name below that "
        "ends in __c and has none yet. Empty: the objects belong to the org itself.",
    )
    lead_object: str = Field(
        default=_OURS.lead_object,
        title="Object of leads",
        description="API name of the object that holds the moments of leads.",
    )
    lead_lookup: str = Field(
        default=_OURS.lead_lookup,
        title="Lookup to the lead",
        description="API name of that object's field that leads to the lead.",
    )
    contact_object: str = Field(
        default=_OURS.contact_object,
        title="Object of contacts",
        description="API name of the object that holds the moments of contacts.",
    )
    contact_lookup: str = Field(
        default=_OURS.contact_lookup,
        title="Lookup to the contact",
        description="API name of that object's field that leads to the contact.",
    )
    fields: MomentFields = Field(
        # A literal default: the form in the UI shows it, which it would not with a factory.
        default=MomentFields(),
        title="Fields",
        description="API names of the other fields, the same in both objects. A field left empty is not written.",
    )

    @field_validator("namespace")
    @classmethod
    def _is_a_namespace(cls, value: str) -> str:
        return checked_namespace(value.strip())

    @field_validator("lead_object", "lead_lookup", "contact_object", "contact_lookup")
    @classmethod
    def _is_an_api_name(cls, value: str) -> str:
        return checked_api_name(value.strip())

    def check(self) -> None:
        """Raise ValueError when two things have one name."""
        try:
            self.objects()
        except ValidationError as refusal:
            raise ValueError(refusal.errors()[0]["msg"].removeprefix("Value error, ")) from None

    def objects(self) -> MomentObjects:
        """Return the names as the rules read them."""
        return MomentObjects(
            namespace=self.namespace,
            lead_object=self.lead_object,
            lead_lookup=self.lead_lookup,
            contact_object=self.contact_object,
            contact_lookup=self.contact_lookup,
            fields=self.fields,
        )
