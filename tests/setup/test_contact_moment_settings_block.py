"""The saved volume controls of the contact moments."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.contact_moment_settings import ContactMomentSettings
from blocks.load import load_block
from crm_sync.errors import ConfigurationError
from crm_sync.moments.settings import MomentKind


def test_blank_campaigns_are_dropped_and_no_age_is_any_age() -> None:
    assert ContactMomentSettings(campaigns=[" Spring ", ""]).campaigns == ["Spring"]
    assert ContactMomentSettings(max_age_days=30).max_age == timedelta(days=30)
    assert ContactMomentSettings(max_age_days=0).max_age is None


@pytest.mark.parametrize(
    ("saved", "told"),
    [
        ({"kinds": []}, "Choose at least one kind"),
        ({"kinds": ["forwarded"]}, "kinds.0: Input should be 'sent'"),
        ({"max_age_days": -1}, "max_age_days"),
        ({"most_per_run": 0}, "most_per_run"),
    ],
)
def test_what_does_not_hold_together_is_one_sentence(saved: dict[str, Any], told: str) -> None:
    block = ContactMomentSettings.model_validate(saved)

    assert told in block.problem
    assert "\n" not in block.problem


def test_block_is_saved_and_found_by_its_name(prefect_home: Path) -> None:
    ContactMomentSettings(campaigns=["Spring"], kinds=["sent", "bounced"]).save("few-moments")

    rules = load_block(ContactMomentSettings, "few-moments")

    assert rules.campaigns == ["Spring"]
    assert rules.kinds == [MomentKind.SENT, MomentKind.BOUNCED]
    with pytest.raises(ConfigurationError, match="There is no block 'nowhere'"):
        load_block(ContactMomentSettings, "nowhere")


def test_form_explains_every_box() -> None:
    for name, field in ContactMomentSettings.model_fields.items():
        assert field.title, name
        assert field.description, name
    assert {"kinds", "most_per_run"} <= set(ContactMomentSettings.model_json_schema()["required"])
