"""Loads a saved block by its name, with errors a person can act on."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from prefect.blocks.core import Block, schema_extra
from pydantic import ValidationError

from crm_sync.errors import ConfigurationError

B = TypeVar("B", bound=Block)


def named(kind: type[B], block: B | str) -> B:
    """Return the block, loaded when only its name is given.

    Raises ConfigurationError when there is no such block, or when what was saved does not hold together: the
    Prefect UI saves a form without asking us.
    """
    if isinstance(block, kind):
        return block
    shown = kind.get_block_type_name()
    try:
        return cast(B, kind.load(str(block)))
    except ValueError:
        raise ConfigurationError(
            f"There is no block {block!r} of type '{shown}'; save one under Blocks in the Prefect UI."
        ) from None
    except RuntimeError as refusal:
        raise ConfigurationError(
            f"The block {block!r} of type '{shown}' cannot be used: {_first_sentence(refusal.__cause__)}"
        ) from None


def picked_from_a_list(*fields: str) -> Callable[[dict[str, Any], type[Block]], None]:
    """Return the schema hook of a block that is picked in a run form; `fields` have defaults and count as required.

    Prefect refuses a picked block whose schema requires nothing: then the reference to it fits the schema too.
    """

    def add_required(schema: dict[str, Any], model: type[Block]) -> None:
        schema_extra(schema, model)
        schema["required"] = sorted({*schema.get("required", []), *fields})

    return add_required


def _first_sentence(problem: BaseException | None) -> str:
    if isinstance(problem, ValidationError):
        first = problem.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        return f"{place}: {said}" if place else said
    return "its saved content does not fit; open it in the Prefect UI and save it again."
