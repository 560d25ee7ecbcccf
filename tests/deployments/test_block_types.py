"""Every block has what a person needs to fill in its form."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from prefect import Flow
from prefect.utilities.callables import parameter_schema
from pydantic import SecretStr

import flows
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


def test_every_number_that_a_form_takes_has_a_least_and_a_most() -> None:
    """Days beyond the calendar and ids beyond the database end in a line of Python, not in a sentence."""
    modules = [import_module(f"flows.{one.name}") for one in iter_modules(flows.__path__)]
    found = [flow for module in modules for flow in vars(module).values() if isinstance(flow, Flow)]
    schemas = {flow.name: parameter_schema(flow).model_dump() for flow in found}
    schemas |= {one.__name__: one.model_json_schema() for one in BLOCK_TYPES}
    numbers = [(form, name, number) for form, schema in schemas.items() for name, number in _numbers("", schema)]
    assert len(numbers) > 30
    assert not [(form, name) for form, name, number in numbers if len(_BOUNDS & number.keys()) < 2]


_BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}


def _numbers(name: str, part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, list):
        for one in part:
            yield from _numbers(name, one)
    elif isinstance(part, dict):
        if part.get("type") in {"integer", "number"}:
            yield name, part
        for key, one in part.items():
            yield from _numbers(f"{name}.{key}", one)
