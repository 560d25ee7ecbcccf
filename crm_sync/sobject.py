"""The Salesforce objects that hold people, and the prefixes of their Ids."""

from enum import StrEnum


class SObject(StrEnum):
    """The Salesforce objects that hold people."""

    LEAD = "Lead"
    CONTACT = "Contact"

    @property
    def id_prefix(self) -> str:
        """What all Ids of the object begin with, in every org."""
        return "00Q" if self is SObject.LEAD else "003"
