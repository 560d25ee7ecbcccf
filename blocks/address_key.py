"""The key with which this installation hashes e-mail addresses: made at first use, kept encrypted by Prefect."""

import secrets
from contextlib import suppress

from blocks.kept_secret import load_secret, save_secret
from crm_sync.columns.address_hash import KEY_BYTES

# Whoever backs up the customer database backs this up as well: without it every no of a person who is gone is lost.
SECRET_NAME = "consent-address-key"  # noqa: S105  # the name of the Secret, not its content


def load_address_key() -> bytes:
    """Return the key, made when there is none yet; of two processes that make it at once, one comes second."""
    if kept := load_secret(SECRET_NAME):
        return bytes.fromhex(str(kept))
    with suppress(ValueError):  # Prefect's answer for a name that is taken
        save_secret(SECRET_NAME, secrets.token_hex(KEY_BYTES), overwrite=False)
    return bytes.fromhex(str(load_secret(SECRET_NAME)))
