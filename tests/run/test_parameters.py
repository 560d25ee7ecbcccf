"""What is given to a flow: told in a sentence where it cannot be, and understood where the form has wrapped it."""

from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import ParameterTypeError

from crm_sync.errors import ConfigurationError
from flows.campaign_push import campaign_push
from flows.full_sync import full_sync


def _json(value: str) -> dict[str, str]:
    return {"__prefect_kind": "json", "value": value}


@pytest.mark.flow
def test_more_customers_than_prefect_keeps_are_refused_in_a_sentence_before_a_run_is_made(prefect_home: Path) -> None:
    with get_client(sync_client=True) as client:
        before = len(client.read_flow_runs())
        with pytest.raises(
            ConfigurationError, match=r"at most [\d,]+ bytes.*select customers by their fields"
        ) as refused:
            campaign_push("spring", customer_ids=list(range(10_000_000, 10_070_000)))
        assert len(client.read_flow_runs()) == before
    assert "10000000" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ({"objects": _json('["Contact"]'), "repair": _json("true")}, {"objects": ["Contact"], "repair": True}),
        ({"objects": ["Lead"], "start_again": True}, {"objects": ["Lead"], "start_again": True}),
        ({"objects": {"__prefect_kind": "json", "value": ["Lead"]}}, {"objects": ["Lead"]}),
    ],
)
def test_parameters_that_the_form_has_wrapped_are_understood(given: dict[str, Any], understood: dict[str, Any]) -> None:
    assert understood.items() <= full_sync.validate_parameters(given).items()


def test_wrapped_text_that_is_no_json_is_refused_like_any_other() -> None:
    with pytest.raises(ParameterTypeError):
        full_sync.validate_parameters({"objects": _json("[Contact")})
