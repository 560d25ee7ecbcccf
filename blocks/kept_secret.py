"""Secrets that the product itself keeps in Prefect, encrypted: texts by name."""

from typing import Any, cast

from prefect.blocks.system import Secret
from prefect.exceptions import ObjectNotFound
from pydantic import JsonValue, SecretStr


def load_secret(name: str) -> JsonValue:
    """Return the secret, None when there is none; Prefect gives the JSON in it back as what it stands for."""
    try:
        kept = cast(Secret[JsonValue], Secret.load(name))
    except ValueError:  # Prefect's answer for a block that is not there
        return None
    return kept.get()


def save_secret(name: str, content: str, *, overwrite: bool) -> None:
    """Keep the secret; raises ValueError when the name is taken and nothing is to be overwritten."""
    # Not Secret[str]: Prefect would save that as another block type, and `load` would not find it.
    secret: Secret[Any] = Secret(value=SecretStr(content))
    try:
        secret.save(name, overwrite=overwrite)
    except ObjectNotFound:
        # A new server makes the key to its secrets with the first one; of two at once, one finds it replaced.
        secret.save(name, overwrite=overwrite)
