"""Which contact moments go to Salesforce, and what of them: the volume controls."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class MomentKind(StrEnum):
    """What can become of an e-mail."""

    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    UNSUBSCRIBED = "unsubscribed"


# What tells which e-mail it was, whatever became of it.
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


@dataclass(frozen=True)
class MomentRules:
    """The volume controls; as they stand, all of the last year goes, without the opens that machines made.

    `kinds`: a moment goes when one of these happened, and only these are shown. `campaigns`: by name, none means
    all. `most_per_run`: writes, of which a moment takes two with `both_objects` and a customer that is both.
    """

    kinds: frozenset[MomentKind] = frozenset(MomentKind)
    first_open_only: bool = False
    ignore_machine_opens: bool = True
    max_age: timedelta | None = timedelta(days=365)
    campaigns: tuple[str, ...] = ()
    most_per_run: int = 100_000
    both_objects: bool = False

    def fields(self) -> Iterator[str]:
        """Give what is written of a moment, by what the field holds (see MomentFields)."""
        yield from _ALWAYS
        for kind in MomentKind:
            if kind in self.kinds:
                yield from (name for name in _FIELDS[kind] if not (self.first_open_only and name in _LATER_OPENS))

    @property
    def happened(self) -> tuple[str, ...]:
        """Return the columns of contact_moment of which one has to have a value; none when all moments go."""
        if MomentKind.SENT in self.kinds:
            return ()
        columns = {
            MomentKind.DELIVERED: ("delivered_at",),
            MomentKind.OPENED: (
                "first_opened_at",
                *(() if self.ignore_machine_opens else ("first_machine_opened_at",)),
            ),
            MomentKind.CLICKED: ("first_clicked_at",),
            MomentKind.BOUNCED: ("bounced_at",),
            MomentKind.UNSUBSCRIBED: ("unsubscribed_at",),
        }
        return tuple(name for kind, names in columns.items() if kind in self.kinds for name in names)
