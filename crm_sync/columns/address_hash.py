"""Keyed hashes of e-mail addresses: what remembers a no when the person's data is gone.

The key is a secret of the installation. Without it nobody can find out whether an address is in the ledger.
"""

import unicodedata
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import pandas as pd
import pyarrow as pa

from crm_sync.columns.texts import as_text

# Eight bytes are a whole number to every database; of a million addresses two meet once in 37 million installations.
_BYTES = 8
KEY_BYTES = 32
# Blanks of every kind, and characters that nobody sees.
AROUND_ADDRESSES = "".join(
    [
        " \t\r\n\v\f\xa0\u1680\u2028\u2029\u202f\u205f\u3000",
        *map(chr, range(0x2000, 0x200E)),
        "\u2060\ufeff\xad",
    ]
)


@dataclass(frozen=True)
class AddressHash:
    """Hashes addresses with the key of this installation."""

    key: bytes = field(repr=False)

    def of_column(self, addresses: pd.Series) -> pd.Series:
        """Return a whole number (Int64) for each normalised address of a text column; missing stays missing."""
        present = addresses.dropna()
        # One call of the hash for each address; everything around it is done once, the values' bytes are Arrow's.
        texts = pa.array(present, type=pa.large_string(), from_pandas=True).cast(pa.large_binary()).to_pylist()
        key = self.key
        digests = b"".join([blake2b(text, key=key, digest_size=_BYTES).digest() for text in texts])
        numbers = pd.Series(np.frombuffer(digests, dtype="<i8"), index=present.index, dtype="Int64")
        return numbers.reindex(addresses.index)

    def of(self, address: str) -> int:
        """Return the number of one normalised address."""
        return int.from_bytes(
            blake2b(address.encode(), key=self.key, digest_size=_BYTES).digest(), "little", signed=True
        )

    @property
    def check(self) -> int:
        """The number that tells this key from another, kept in the customer database."""
        return self.of("which key is this?")


def normalise_address(address: str) -> str:
    """Return an e-mail address as it is compared: NFC, lower case, nothing blank or invisible around it."""
    lower = unicodedata.normalize("NFC", as_text(address)).strip(AROUND_ADDRESSES).lower()
    # A capital sigma has two small ones, and which of them it becomes depends on what follows.
    return unicodedata.normalize("NFC", lower).replace("ς", "σ")  # noqa: RUF001


def address_or_key(address: str | None, unique_key: str) -> str:
    """Return the text that a customer's hash is made of: the address or, where there is none, the unique key."""
    return normalise_address(address or "") or f"key:{unique_key}"
