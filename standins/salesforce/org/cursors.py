"""Query results of more than one page, kept until they are read or too many."""

import threading
from collections import OrderedDict

from standins.salesforce.errors import SalesforceError
from standins.salesforce.ids import make_id
from standins.salesforce.org.settings import OrgSettings
from standins.salesforce.org.snapshot import Snapshot


class Cursors:
    """Snapshots by cursor Id, at most `max_cursors`: the oldest makes room."""

    def __init__(self, settings: OrgSettings) -> None:
        """Start without a cursor."""
        self._settings = settings
        self._lock = threading.Lock()
        self._open: OrderedDict[str, tuple[Snapshot, int]] = OrderedDict()
        self._made = 0

    def keep(self, snapshot: Snapshot, page_size: int) -> str:
        """Return the Id under which the snapshot's further pages can be read."""
        with self._lock:
            self._made += 1
            cursor_id = make_id("01g", self._made)
            self._open[cursor_id] = (snapshot, page_size)
            too_many = len(self._open) - self._settings.max_cursors
            dropped = [self._open.popitem(last=False)[1][0] for _ in range(too_many)]
        for old in dropped:
            old.close()
        return cursor_id

    def get(self, cursor_id: str) -> tuple[Snapshot, int]:
        """Return the snapshot and its page size; raise INVALID_QUERY_LOCATOR for an unknown Id."""
        with self._lock:
            found = self._open.get(cursor_id)
        if found is None:
            raise SalesforceError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return found

    def expire_all(self) -> None:
        """Drop every cursor."""
        with self._lock:
            dropped = [snapshot for snapshot, _ in self._open.values()]
            self._open.clear()
        for snapshot in dropped:
            snapshot.close()
