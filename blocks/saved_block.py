"""A block that people fill in as a form, and pick from a list when they start a run."""

from collections.abc import Callable
from typing import Any, Self, cast

from prefect.blocks.core import Block, schema_extra
from pydantic import ConfigDict, ModelWrapValidatorHandler, PrivateAttr, ValidationError, model_validator

from crm_sync.errors import ConfigurationError

_EMPTY: tuple[Any, ...] = (None, "", [])


class SavedBlock(Block):
    """A block that loads even when what was saved does not hold together, and then says in `problem` what is wrong.

    The Prefect UI saves a form without asking us, and Prefect loads a picked block before a flow begins: an error
    at that moment ends the run with a traceback in which nobody finds the reason.
    """

    # Prefect logs a refused form as it was saved, secrets and all.
    model_config = ConfigDict(hide_input_in_errors=True)

    _problem: str = PrivateAttr(default="")

    @property
    def problem(self) -> str:
        """What has to change before this block can be used; empty when nothing has to."""
        return self._problem

    def check(self) -> None:
        """Raise ValueError or ConfigurationError when the fields do not agree with each other."""

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """Return the schema of the form; what has a value anyway is not called optional there, what may be empty is."""
        schema = super().model_json_schema(*args, **options)
        for part in (schema, *schema.get("definitions", {}).values(), *schema.get("$defs", {}).values()):
            filled = [name for name, field in part.get("properties", {}).items() if field.get("default") not in _EMPTY]
            if filled:
                part["required"] = sorted({*part.get("required", []), *filled})
        return schema

    @model_validator(mode="wrap")
    @classmethod
    def _agrees_with_itself(cls, given: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        # A flow that receives a block validates it again, which is too early for a problem that is known already.
        if isinstance(given, cls) and given.problem:
            return given
        block = validate(given)
        block.check()
        return block

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Return the block as it was saved; without any content, and with its problem, when it cannot be used."""
        try:
            return super().model_validate(obj, **options)
        except (ValidationError, ConfigurationError) as refusal:
            # No defaults either: nobody should work with a mapping that is not theirs.
            unusable = cast(Self, cls.model_construct(**dict.fromkeys(cls.model_fields)))
            unusable._problem = _sentence(refusal)
            return unusable


def picked_from_a_list(*fields: str) -> Callable[[dict[str, Any], type[Block]], None]:
    """Return the schema hook of a block that is picked in a run form; `fields` have defaults and count as required.

    Prefect refuses a picked block whose schema requires nothing: then the reference to it fits the schema too.
    """

    def add_required(schema: dict[str, Any], model: type[Block]) -> None:
        schema_extra(schema, model)
        schema["required"] = sorted({*schema.get("required", []), *fields})

    return add_required


def _sentence(refusal: ValidationError | ConfigurationError) -> str:
    if isinstance(refusal, ConfigurationError):
        return str(refusal)
    first = refusal.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    return f"{place}: {said}" if place else said
