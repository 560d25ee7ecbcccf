"""Which contact moments go to Salesforce, and what of them: the volume controls."""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, Field, field_validator, model_validator

from crm_sync.bounds import LONGEST_DAYS, MOST
from crm_sync.salesforce.limits import RECORDS_PER_COLLECTION


class MomentKind(StrEnum):
    """What can become of an e-mail."""

    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    UNSUBSCRIBED = "unsubscribed"


# These fields identify the e-mail, and are written whatever became of it.
_ALWAYS = ("moment_id", "subject", "campaign", "mailing", "sent_at", "online_version")
_FIELDS = {
    MomentKind.SENT: (),
    MomentKind.DELIVERED: ("delivered_at",),
    MomentKind.OPENED: ("first_opened_at", "last_opened_at", "opens"),
    MomentKind.CLICKED: ("first_clicked_at", "last_clicked_at", "clicks"),
    MomentKind.BOUNCED: ("bounced_at", "bounce_category", "bounce_reason"),
    MomentKind.UNSUBSCRIBED: ("unsubscribed_at",),
}
_LATER_OPENS = {"last_opened_at", "opens"}


class MomentRules(BaseModel):
    """The volume controls; by default every moment of the last year goes, without opens by machines."""

    kinds: list[MomentKind] = Field(
        # A literal default: the form in the UI shows it, which it would not with a factory.
        default=list(MomentKind),
        title="Kinds",
        description="What of an e-mail is shown. An e-mail with none of these is left out; with 'sent', every e-mail "
        "goes.",
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
        le=LONGEST_DAYS,
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
        le=MOST,
        title="Most per run",
        description="A run writes at most so many records; the next one goes on with the rest.",
    )
    records_at_once: int = Field(
        default=RECORDS_PER_COLLECTION,
        ge=1,
        le=RECORDS_PER_COLLECTION,
        title="Records at once",
        description="How many records Salesforce gets to write together. Fewer, when the org's own triggers and flows "
        "do not take so many; a run that finds out by itself goes on with half as many, and remembers it for a week.",
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

    @model_validator(mode="after")
    def _has_a_kind(self) -> Self:
        if not self.kinds:
            raise ValueError("Choose at least one kind; without any, no moment would ever go to Salesforce.")
        return self

    @property
    def max_age(self) -> timedelta | None:
        """The age above which a moment is left out; None for any age."""
        return timedelta(days=self.max_age_days) if self.max_age_days else None

    def fields(self) -> Iterator[str]:
        """Yield the fields of a moment that are written, by content (see MomentFields)."""
        yield from _ALWAYS
        for kind in MomentKind:
            if kind in self.kinds:
                yield from (name for name in _FIELDS[kind] if not (self.first_open_only and name in _LATER_OPENS))

    @property
    def happened(self) -> tuple[str, ...]:
        """The columns of contact_moment of which one needs a value for a moment to go; empty when all moments go."""
        if MomentKind.SENT in self.kinds:
            return ()
        # The first field of each kind says when it happened.
        columns = [_FIELDS[kind][0] for kind in MomentKind if kind in self.kinds]
        counts_machines = MomentKind.OPENED in self.kinds and not self.ignore_machine_opens
        return (*columns, "first_machine_opened_at") if counts_machines else tuple(columns)
