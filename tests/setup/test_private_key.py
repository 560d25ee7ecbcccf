"""A private key pasted into the one-line box of the form is the key that was in the file."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from blocks.pem import with_line_ends
from blocks.salesforce_credentials import LoginKind, SalesforceCredentials


@pytest.fixture(scope="module", params=[PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def pem(request: pytest.FixtureRequest) -> str:
    """Return a new key as a file holds it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, request.param, NoEncryption()).decode()


PASTED: dict[str, Callable[[str], str]] = {
    "as it was": str,
    "without line ends": lambda pem: pem.replace("\n", ""),
    "blanks for line ends": lambda pem: pem.replace("\n", " "),
    "backslash n for line ends": lambda pem: pem.replace("\n", "\\n"),
    "line ends of Windows": lambda pem: pem.replace("\n", "\r\n"),
    "words before it": lambda pem: "Bag Attributes\n" + pem,
}


@pytest.mark.parametrize("paste", PASTED.values(), ids=list(PASTED))
def test_pasted_key_is_the_key_of_the_file(pem: str, paste: Callable[[str], str]) -> None:
    assert with_line_ends(paste(pem)) == pem


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not a key",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_is_not_a_plain_pem_stays_as_it_came(text: str) -> None:
    assert with_line_ends(text) == text


def test_block_keeps_the_key_with_its_lines(pem: str) -> None:
    block = SalesforceCredentials(
        login_with=LoginKind.JWT, username="u@x.example", consumer_key="key", private_key=pem.replace("\n", " ")
    )
    assert block.private_key.get_secret_value() == pem
