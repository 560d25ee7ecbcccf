"""Loads a saved block by its name, with errors a person can act on."""

from typing import TypeVar, cast

from blocks.saved_block import SavedBlock
from crm_sync.errors import ConfigurationError

B = TypeVar("B", bound=SavedBlock)


def load_block(kind: type[B], block: B | str) -> B:
    """Return the block, loaded when only its name is given.

    Raises ConfigurationError when there is no such block, or when what was saved does not hold together.
    """
    shown = kind.get_block_type_name()
    if isinstance(block, kind):
        saved, name = block, block._block_document_name
    else:
        saved, name = _load(kind, str(block), shown), str(block)
    if saved.problem:
        raise ConfigurationError(f"The block {name!r} of type '{shown}' cannot be used: {saved.problem}")
    return saved


def _load(kind: type[B], name: str, shown: str) -> B:
    try:
        return cast(B, kind.load(name))
    except ValueError:
        raise ConfigurationError(
            f"There is no block {name!r} of type '{shown}'; save one under Blocks in the Prefect UI."
        ) from None
