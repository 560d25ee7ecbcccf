"""The key with which this installation hashes e-mail addresses: made at first use, kept encrypted by Prefect."""

import secrets
from contextlib import suppress
from typing import Any, cast

from prefect.blocks.system import Secret
from pydantic import JsonValue, SecretStr

from crm_sync.columns.address_hash import KEY_BYTES

# Whoever backs up the customer database backs this up as well: without it every no of a person who is gone is lost.
SECRET_NAME = "consent-address-key"  # noqa: S105  # the name of the Secret, not its content


def load_address_key() -> bytes:
    """Return the key, made when there is none yet; of two processes that make it at once, one comes second."""
    if kept := _load():
        return bytes.fromhex(kept)
    # Not Secret[str]: Prefect would save that as another block type, and `load` would not find it.
    made: Secret[Any] = Secret(value=SecretStr(secrets.token_hex(KEY_BYTES)))
    with suppress(ValueError):  # Prefect's answer for a name that is taken
        made.save(SECRET_NAME)
    return bytes.fromhex(_load())


def _load() -> str:
    try:
        kept = cast(Secret[JsonValue], Secret.load(SECRET_NAME))
    except ValueError:  # Prefect's answer for a block that is not there
        return ""
    return str(kept.get())
