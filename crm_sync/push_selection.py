"""Chooses customers for a push without SQL: those whose fields have given values."""

from pydantic import BaseModel, ConfigDict, Field


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
