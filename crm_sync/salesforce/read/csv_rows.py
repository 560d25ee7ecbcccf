"""Where the rows of CSV bytes end: at line ends outside of quotes.

Rule: Bulk guide, "Valid CSV rows": a quoted value may hold line ends, and a quote in it is doubled.
"""

from collections.abc import Iterator
from typing import IO

import numpy as np
import numpy.typing as npt


def row_ends(content: bytes, *, is_quoted: bool = False) -> tuple[npt.NDArray[np.intp], bool]:
    """Return the positions of the row ends, and whether the content stops inside of quotes."""
    values = np.frombuffer(content, dtype=np.uint8)
    quotes = np.flatnonzero(values == ord('"'))
    line_ends = np.flatnonzero(values == ord("\n"))
    # A line end is outside of quotes when the quotes before it are even in number.
    quotes_before = np.searchsorted(quotes, line_ends) + is_quoted
    return line_ends[quotes_before % 2 == 0], (len(quotes) + is_quoted) % 2 == 1


class RowCounter:
    """Counts the rows of CSV bytes that arrive in pieces, less the header."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self._lines = 0
        self._is_quoted = False
        self._is_mid_line = False

    def add(self, piece: bytes) -> None:
        """Count on; a piece may end anywhere."""
        if not piece:
            return
        ends, self._is_quoted = row_ends(piece, is_quoted=self._is_quoted)
        self._lines += len(ends)
        self._is_mid_line = not piece.endswith(b"\n")

    @property
    def rows(self) -> int:
        """The rows so far without the header, or -1 when a quote is still open."""
        if self._is_quoted:
            return -1
        return max(0, self._lines + self._is_mid_line - 1)


def read_whole_rows(file: IO[bytes], block_bytes: int) -> Iterator[bytes]:
    """Yield the rest of the file in blocks of whole rows; a row wider than a block makes its block wider.

    The last block may lack its line end, or its closing quote when the file was cut.
    """
    rest = b""
    while len(block := rest + file.read(block_bytes)) > len(rest):
        ends, _ = row_ends(block)
        after = int(ends[-1]) + 1 if len(ends) else 0
        # Not held twice while the caller works with it: a block is a good part of a run's memory.
        block, rest = block[:after], block[after:]
        if block:
            yield block
    if rest:
        yield rest
