"""What a user decides about the exchange with Deployteq."""

from enum import StrEnum

from pydantic import BaseModel, Field

from crm_sync.bounds import MOST
from crm_sync.deployteq.customers import UniqueField
from crm_sync.deployteq.limits import BATCH


class ChangesThere(StrEnum):
    """What becomes of a linked field that somebody changed in Deployteq."""

    KEEP = "keep"
    SEND = "send"
    REPORT = "report"


class SeveralThere(StrEnum):
    """Which of several customers in Deployteq that are one customer here is paired; the others are doubles."""

    NEWEST = "newest"
    OLDEST = "oldest"
    NONE = "none"


class ExchangeSettings(BaseModel):
    """How customers are identified in Deployteq, what is written there, and how the first delivery goes."""

    outbox_group: int = Field(
        default=0,
        ge=0,
        le=MOST,
        title="Outbox group",
        description="The id of the group that a campaign of yours in Deployteq fills with who unsubscribed, bounced or "
        "changed details. 0: none; opt-outs then come with the hourly sweep.",
    )
    time_zone: str = Field(
        default="Europe/Amsterdam",
        title="Time zone",
        description="Of the API user in Deployteq; best give that user UTC and write UTC here.",
    )
    identity: str = Field(
        default="salesforce_customer",
        min_length=1,
        title="Identity field",
        description="The field in Deployteq that holds our own number of a customer; batches are matched by it. Nobody "
        "else may write it.",
    )
    identity_is_option: bool = Field(
        default=True,
        title="Identity is an option field",
        description="Untick it for a standard field, such as externalId.",
    )
    salesforce_id_field: str = Field(
        default="salesforce_id",
        title="Option field for the Salesforce Id",
        description="Customers are paired by it too, where it is filled already. Empty: none.",
    )
    stamp_field: str = Field(
        default="salesforce_first_delivery",
        title="Option field for the stamp",
        description="Customers that the first delivery makes get its date here, in the same call, so that a profile "
        "in Deployteq can leave them out. Empty: none.",
    )
    changes_there: ChangesThere = Field(
        default=ChangesThere.KEEP,
        title="Changes in Deployteq",
        description="Of linked fields: keep them here too until Salesforce changes the field, or also send them there, "
        "by the campaign below, or report them only.",
    )
    campaign: str = Field(
        default="changes in Deployteq",
        min_length=1,
        title="Campaign for Salesforce",
        description="Where changes are sent: customers whose linked fields were changed in Deployteq enter it. Give "
        "campaign-push a schedule for it.",
    )
    step: str = Field(
        default="salesforce-synchronize",
        min_length=1,
        title="Step for Salesforce",
        description="Of that campaign: the name of the saved block 'Salesforce Synchronize' that campaign-push has "
        "for it, and that names the fields to send.",
    )
    several_there: SeveralThere = Field(
        default=SeveralThere.NEWEST,
        title="Several in Deployteq",
        description="Of several there that are one customer here, paired is the one changed last (newest), the one "
        "made first (oldest), or none: that customer then waits until one is left there.",
    )
    joined_group: int = Field(
        default=0,
        ge=0,
        le=MOST,
        title="Group of joined customers",
        description="The id of a group in Deployteq for customers that were joined to another one here, by a merge in "
        "Salesforce: they get a no, and nothing else is written to them. 0: none.",
    )
    batch: int = Field(default=BATCH, ge=1, le=1000, title="Customers a call", description="Larger calls gain nothing.")
    first_customers: int = Field(
        default=50,
        ge=1,
        le=MOST,
        title="First customers",
        description="The first delivery makes so many and waits until a person has looked at them in Deployteq.",
    )
    most_new_percent: float = Field(
        default=5,
        gt=0,
        le=100,
        title="Most new customers at once, in percent",
        description="Of the account: a later run that would make more waits for a person.",
    )

    @property
    def unique(self) -> UniqueField:
        """The identity field, as a batch is matched by it."""
        return UniqueField(self.identity, self.identity_is_option)

    @property
    def option_fields(self) -> list[str]:
        """The option fields that the brand needs for the exchange."""
        own = [self.identity] if self.identity_is_option else []
        return [name for name in (*own, self.salesforce_id_field, self.stamp_field) if name]
