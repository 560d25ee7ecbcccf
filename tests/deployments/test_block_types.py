"""Every block has what a person needs to fill in its form."""

from pydantic import SecretStr

from deployments.register import BLOCK_TYPES

_SECRETS = ("password", "secret", "token", "private_key", "url")
_NOT_SECRET = {"endpoint_url"}


def test_every_field_has_a_title_and_a_description_and_secrets_are_secret() -> None:
    for block_type in BLOCK_TYPES:
        for name, field in block_type.model_fields.items():
            assert field.title, f"{block_type.__name__}.{name} has no title"
            assert field.description, f"{block_type.__name__}.{name} has no description"
            if name.endswith(_SECRETS) and name not in _NOT_SECRET:
                assert field.annotation is SecretStr, f"{block_type.__name__}.{name} would be readable"


def test_every_block_has_a_description_a_slug_of_its_own_and_a_required_field() -> None:
    for block_type in BLOCK_TYPES:
        assert block_type.get_description(), block_type
        # Without a slug of its own, another class name would make it another type, and the saved blocks would be lost.
        assert block_type.__dict__["_block_type_slug"], block_type
        # Prefect refuses a run with a picked block whose schema requires nothing.
        assert block_type.model_json_schema()["required"], block_type
