"""Keyed hashes of e-mail addresses: what remembers a no when the person's data is gone.

The key is a secret of the installation. Without it nobody can find out whether an address is in the ledger.
"""

import unicodedata
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute as pc

from crm_sync.columns.texts import as_text

# Eight bytes are a whole number to every database; of a million addresses two meet once in 37 million installations.
_BYTES = 8
KEY_BYTES = 32
# Before the unique key of a customer without an address.
_KEY = "key:"
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
    """Hashes addresses with the key of this installation: one number for all ways to write one mailbox."""

    key: bytes = field(repr=False)

    def of_column(self, addresses: pd.Series) -> pd.Series:
        """Return a whole number (Int64) for each normalised address of a text column; missing stays missing."""
        present = addresses.dropna()
        # One call of the hash for each address; everything around it is done once, the values' bytes are Arrow's.
        texts = _mailboxes(pa.array(present, type=pa.large_string(), from_pandas=True)).cast(pa.large_binary())
        key = self.key
        digests = b"".join([blake2b(text, key=key, digest_size=_BYTES).digest() for text in texts.to_pylist()])
        numbers = pd.Series(np.frombuffer(digests, dtype="<i8"), index=present.index, dtype="Int64")
        return numbers.reindex(addresses.index)

    def of(self, address: str) -> int:
        """Return the number of one normalised address."""
        text = as_mailbox(address).encode()
        return int.from_bytes(blake2b(text, key=self.key, digest_size=_BYTES).digest(), "little", signed=True)

    @property
    def check(self) -> int:
        """The number that tells this key from another, kept in the customer database."""
        return self.of("which key is this?")


def normalise_address(address: str) -> str:
    """Return an e-mail address as it is compared: NFC, lower case, nothing blank or invisible around it."""
    lower = unicodedata.normalize("NFC", as_text(address)).strip(AROUND_ADDRESSES).lower()
    # A capital sigma has two small ones, and which of them it becomes depends on what follows.
    return unicodedata.normalize("NFC", lower).replace("ς", "σ")  # noqa: RUF001


def as_mailbox(address: str) -> str:
    """Return a normalised address as all ways to write its mailbox have it; any other text stays as it is.

    A domain in Punycode is one in letters, full-width characters are plain ones, and a last dot says nothing.
    """
    if "@" not in (wide := unicodedata.normalize("NFKC", address)) or address.startswith(_KEY):
        return address
    name, _, domain = wide.replace("。", ".").rpartition("@")
    letters = ".".join(map(_in_letters, domain.rstrip(".").split(".")))
    return normalise_address(unicodedata.normalize("NFKC", f"{name}@{letters}"))


def _in_letters(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label.removeprefix("xn--").encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _mailboxes(addresses: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return a column as `as_mailbox` has each value; nearly all are so already."""
    plain = pc.and_not(pc.string_is_ascii(addresses), pc.match_substring_regex(addresses, r"xn--|\.$"))
    if pc.all(plain).as_py() is not False:
        return addresses
    others = pc.invert(plain)
    changed = [as_mailbox(address) for address in addresses.filter(others).to_pylist()]
    return pc.replace_with_mask(addresses, others, pa.array(changed, type=addresses.type))


def address_or_key(address: str | None, unique_key: str) -> str:
    """Return the text that a customer's hash is made of: the address or, where there is none, the unique key."""
    return normalise_address(address or "") or f"{_KEY}{unique_key}"
