"""The journal of the org's requests."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Entry:
    """One request; status 0 means that the client got no answer."""

    time: datetime
    method: str
    path: str
    status: int
    kind: str
    user_agent: str


class Journal:
    """Every request in the order of its answer; several threads may write at once, as to any list."""

    def __init__(self) -> None:
        """Start empty."""
        self._entries: list[Entry] = []

    def write(self, entry: Entry) -> None:
        """Add a request."""
        self._entries.append(entry)

    def entries(self) -> list[Entry]:
        """Return all requests so far."""
        return self._entries.copy()

    def counts(self) -> Counter[str]:
        """Return how many requests there were of each kind."""
        return Counter(entry.kind for entry in self.entries())

    def clear(self) -> None:
        """Forget all requests."""
        self._entries.clear()
