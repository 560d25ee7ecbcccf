"""Loads a saved block by its name, with errors a person can act on."""

from typing import TypeVar, cast

from httpx import codes
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError

from blocks.saved_block import SavedBlock
from crm_sync.errors import ConfigurationError
from crm_sync.push.typed_names import listed

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


def is_given(kind: type[B], block: B | str, usual: str) -> bool:
    """Tell whether a block was given, or is saved under its usual name."""
    if block != usual:
        return True
    try:
        kind.load(usual, validate=False)
    except ValueError:  # Prefect's answer for a block that is not there
        return False
    return True


def _load(kind: type[B], name: str, shown: str) -> B:
    try:
        return cast(B, kind.load(name.strip()))
    except ValueError:
        known = saved_names(kind.get_block_type_slug())
        there = f"saved are {listed(known)}" if known else "save one under Blocks in the Prefect UI"
        raise ConfigurationError(f"There is no block {name!r} of type '{shown}'; {there}.") from None


def saved_names(slug: str) -> list[str]:
    """Return the names under which blocks of the type with this slug are saved."""
    with get_client(sync_client=True) as client:
        try:
            found = client.read_block_documents_by_type(slug, include_secrets=False)
        except PrefectHTTPStatusError as refusal:
            if refusal.response.status_code != codes.NOT_FOUND:
                raise
            return []  # of this kind none was ever saved
    return sorted(str(document.name) for document in found if document.name)
