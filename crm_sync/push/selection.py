"""Customers that enter a push by the values of their fields: one condition, and the value that it asks for."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from crm_sync.errors import ConfigurationError
from crm_sync.mapping.customer_fields import CUSTOMER_FIELDS, FieldType
from crm_sync.mapping.words import NO, YES


class FieldEquals(BaseModel):
    """A condition: a customer field and the value it has to have."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    field: str = Field(
        title="Customer field",
        description="status, a standard customer field such as city or opt_in, or the name of a customer option field.",
    )
    equals: str = Field(
        default="",
        title="Has the value",
        description="Yes or No for opt_in and sms_opt_in, YYYY-MM-DD for a date. Empty: the field has no value.",
    )

    def value(self) -> str | bool | date:
        """Return the value in the field's own type; raises ConfigurationError for one that the field cannot have."""
        kind = CUSTOMER_FIELDS.get(self.field, FieldType.TEXT)
        if kind is FieldType.YES_NO and self.equals.lower() in (*YES, *NO):
            return self.equals.lower() in YES
        if kind is FieldType.DATE:
            try:
                return date.fromisoformat(self.equals)
            except ValueError:
                pass
        if kind is not FieldType.TEXT:
            raise ConfigurationError(f"The selection asks for a value that {self.field} cannot have; correct it.")
        return self.equals
