"""What every block has to have, so that its form can be filled in by a person."""

import pytest
from prefect.blocks.core import Block
from pydantic import SecretStr

from deployments.register import BLOCK_TYPES

_SECRETS = ("password", "secret", "token", "private_key", "url")
_NOT_SECRET = {"endpoint_url"}


@pytest.mark.parametrize("block_type", BLOCK_TYPES)
def test_every_field_has_a_title_and_a_description(block_type: type[Block]) -> None:
    for name, field in block_type.model_fields.items():
        assert field.title, f"{name} has no title"
        assert field.description, f"{name} has no description"


@pytest.mark.parametrize("block_type", BLOCK_TYPES)
def test_secrets_are_kept_secret(block_type: type[Block]) -> None:
    for name, field in block_type.model_fields.items():
        if name.endswith(_SECRETS) and name not in _NOT_SECRET:
            assert field.annotation is SecretStr, f"{name} would be readable"


@pytest.mark.parametrize("block_type", BLOCK_TYPES)
def test_block_requires_something(block_type: type[Block]) -> None:
    """Prefect refuses a run with a picked block whose schema requires nothing."""
    assert block_type.model_json_schema()["required"]


@pytest.mark.parametrize("block_type", BLOCK_TYPES)
def test_block_says_what_it_is_for(block_type: type[Block]) -> None:
    assert block_type.get_description()
    # Without a slug of its own, another class name would make it another type, and the saved blocks would be lost.
    assert block_type.__dict__["_block_type_slug"]
