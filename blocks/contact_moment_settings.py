"""Which contact moments go to Salesforce, as saved in Prefect."""

from datetime import timedelta

from pydantic import ConfigDict, Field, field_validator

from blocks.saved_block import SavedBlock, picked_from_a_list
from crm_sync.moments.settings import MomentKind, MomentRules


class ContactMomentSettings(SavedBlock):
    """How much of what Deployteq sent is shown on leads and contacts."""

    _block_type_name = "Contact moment settings"
    _block_type_slug = "salesforce-contact-moment-settings"
    _description = (
        "Keeps the number of records in Salesforce, where each takes 2 KB of storage, and of requests within bounds. "
        "A changed setting is applied to the moments that are in Salesforce too: what it leaves out of them is emptied "
        "there, and no moment is ever deleted."
    )

    model_config = ConfigDict(json_schema_extra=picked_from_a_list("kinds", "most_per_run"))

    kinds: list[MomentKind] = Field(
        # A literal default: the form in the UI shows it, which it would not with a factory.
        default=list(MomentKind),
        title="Kinds",
        description="What of an e-mail is shown. An e-mail of which none of these is known is left out; with 'sent', "
        "every e-mail goes.",
    )
    first_open_only: bool = Field(
        default=False,
        title="First open only",
        description="Write when an e-mail was first opened, and not again each time it is opened after that.",
    )
    ignore_machine_opens: bool = Field(
        default=True,
        title="Ignore opens made by machines",
        description="Leave out opens by mail programs and filters that load an e-mail without anybody reading it.",
    )
    max_age_days: int = Field(
        default=365,
        ge=0,
        title="Oldest, in days",
        description="E-mails that were sent longer ago are left out, and no longer brought up to date. 0: any age.",
    )
    campaigns: list[str] = Field(
        default=[],
        title="Campaigns",
        description="Names of the campaigns whose e-mails go, spelt as in Deployteq. Empty: all campaigns.",
    )
    most_per_run: int = Field(
        default=100_000,
        ge=1,
        title="Most per run",
        description="A run writes at most so many records; the next one goes on with the rest.",
    )
    both_objects: bool = Field(
        default=False,
        title="Lead and contact",
        description="When a customer is an unconverted lead and a contact, show the e-mails on both and not only on "
        "the contact.",
    )

    @field_validator("campaigns")
    @classmethod
    def _without_blanks(cls, value: list[str]) -> list[str]:
        return [name for name in map(str.strip, value) if name]

    def check(self) -> None:
        """Raise ValueError when nothing would ever go."""
        if not self.kinds:
            raise ValueError("Choose at least one kind; without any, no moment would ever go to Salesforce.")

    def rules(self) -> MomentRules:
        """Return the settings as the rules read them."""
        return MomentRules(
            kinds=frozenset(self.kinds),
            first_open_only=self.first_open_only,
            ignore_machine_opens=self.ignore_machine_opens,
            max_age=timedelta(days=self.max_age_days) if self.max_age_days else None,
            campaigns=tuple(self.campaigns),
            most_per_run=self.most_per_run,
            both_objects=self.both_objects,
        )
