"""Customers that enter a push by the values of their fields: one condition, and the value that it asks for."""

from collections.abc import Collection
from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from crm_sync.errors import ConfigurationError
from crm_sync.mapping.customer_fields import CUSTOMER_FIELDS, FieldType
from crm_sync.mapping.words import NO, YES
from crm_sync.push.typed_names import PERSONAL, find_field

# The values of Deployteq's closed lists; others are known when a customer has them.
CLOSED_LISTS = {
    "status": ("Suspect", "Prospect", "Customer", "Blacklist"),
    "mail_status": ("ACTIVE", "INACTIVE"),
    "gender": ("MAN", "WOMAN", "FAMILY", "UNKNOWN"),
    "marital_status": ("UNKNOWN", "SINGLE", "MARRIED", "DIVORCED", "WIDOWED", "ENGAGED", "COHABITATING", "DECEASED"),
    "email_type": ("HTML", "TEXT", "MULTIPART"),
}


class FieldEquals(BaseModel):
    """A condition: a customer field and the value it has to have."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    field: str = Field(
        title="Customer field",
        description="Status, a standard field, or an option field that the data mapping links. Not by e-mail address, "
        "name or phone number: Prefect keeps what is filled in here; customer ids, or Python, can.",
    )
    equals: str = Field(
        default="",
        title="Has the value",
        description="Yes or No for opt_in and sms_opt_in, YYYY-MM-DD for a date. Empty: the field has no value.",
    )

    def value(self) -> str | bool | date:
        """Return the value in the field's own type; raises ConfigurationError for one that the field cannot have."""
        if not self.equals:
            return ""
        kind = CUSTOMER_FIELDS.get(self.field, FieldType.TEXT)
        if kind is FieldType.YES_NO and self.equals.lower() in (*YES, *NO):
            return self.equals.lower() in YES
        if kind is FieldType.DATE:
            try:
                return date.fromisoformat(self.equals)
            except ValueError:
                pass
        if kind is not FieldType.TEXT:
            hint = "Yes or No" if kind is FieldType.YES_NO else "a date as YYYY-MM-DD"
            raise ConfigurationError(f"The selection asks for a value that {self.field} cannot have; give {hint}.")
        return self.equals


def check_filled_in(selection: Collection[FieldEquals]) -> None:
    """Refuse, in what is filled in with a form and kept there, values by which a person is found."""
    for one in selection:
        # An option field may hold an address too.
        if one.equals and (find_field(one.field, ()) in PERSONAL or "@" in one.equals):
            raise ConfigurationError(
                f"A selection by {one.field} is not taken from a form, because Prefect would keep the value; give the "
                "customer ids, or call the flow from Python."
            )
