"""The settings of a Salesforce Synchronize step, as a form."""

import pytest
from pydantic import ValidationError

from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.errors import MappingError
from crm_sync.sobject import SObject


def test_settings_say_what_they_are_for() -> None:
    schema = SalesforceSynchronize.model_json_schema()
    assert all(part.get("description") for part in schema["properties"].values())


def test_settings_reach_the_rules() -> None:
    settings = SalesforceSynchronize(sobject="Lead", fields=[" Title "], customer_wins=True)
    assert (settings.sobject, settings.fields, settings.customer_wins) == (SObject.LEAD, ["Title"], True)


def test_name_that_can_be_no_field_is_refused() -> None:
    with pytest.raises((ValidationError, MappingError)):
        SalesforceSynchronize(fields=["Title; DROP"])


def test_unsaved_settings_are_of_the_usual_step() -> None:
    assert SalesforceSynchronize().step == "salesforce-synchronize"
