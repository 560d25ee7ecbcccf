"""The character set of an answer: UTF-8, but where Salesforce declares another one, as some orgs do."""

import codecs
from collections.abc import Iterable, Iterator, Mapping
from email.message import Message

_USUAL = "utf-8"


def charset_of(headers: Mapping[str, str]) -> str:
    """Return the character set that an answer declares; UTF-8 where it declares none, or one that nobody knows."""
    message = Message()
    message["Content-Type"] = headers.get("Content-Type", "")
    try:
        return codecs.lookup(message.get_content_charset(_USUAL)).name
    except LookupError:
        return _USUAL


def in_utf8(chunks: Iterable[bytes], charset: str) -> Iterator[bytes]:
    """Give the pieces of a text in UTF-8, wherever they are cut; what is UTF-8 already is given as it is."""
    if charset == _USUAL:
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(charset)(errors="replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()
