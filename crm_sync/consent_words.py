"""The words of the consent ledger, as its tables keep them."""

from enum import StrEnum


class Channel(StrEnum):
    """What consent is given for; each channel has a customer field of its own."""

    EMAIL = "email"
    SMS = "sms"

    @property
    def customer_field(self) -> str:
        """The customer field that holds the consent for the channel."""
        return "opt_in" if self is Channel.EMAIL else "sms_opt_in"


# The column of the mirror that holds what a record says.
SAYS_NO = {Channel.EMAIL: "says_no_email", Channel.SMS: "says_no_sms"}


class Said(StrEnum):
    """The two things that can be said about consent."""

    NO = "no"
    YES = "yes"


class Kind(StrEnum):
    """How it was said; only `person` and `user` can say a yes that lifts a no."""

    PERSON = "person"  # an unsubscribe link, a form, a complaint
    USER = "user"  # somebody edited it in Salesforce
    SEEN = "seen"  # found, not observed to change: first sight, import, restore, new mapping
    TECHNICAL = "technical"  # a lift, an address that changed, a person who was erased


class Side(StrEnum):
    """Where it was said."""

    SALESFORCE = "salesforce"
    DEPLOYTEQ = "deployteq"
    HERE = "here"


class Cause(StrEnum):
    """Why a no was said, as far as that is known."""

    UNSUBSCRIBED = "unsubscribed"
    COMPLAINT = "complaint"
    BLACKLIST = "blacklist"
    EDITED = "edited"
    FIRST_SIGHT = "first sight"
    ADDRESS_CHANGED = "address changed"
    DELIVERED = "delivered"  # the record holds the no because it was written to it
    SUBSCRIBED = "subscribed"
    LIFTED = "lifted"

    @property
    def only_person_lifts(self) -> bool:
        """Whether nobody but the person can take the no back."""
        return self in {Cause.COMPLAINT, Cause.BLACKLIST}
