"""Records whose writes are refused on purpose."""

import threading

from standins.salesforce.errors import RecordError
from standins.salesforce.ids import full_id

LOCKED = ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")


class Refusals:
    """How often the writes of a record are refused, by its Id, its external id or the Id of a parent."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._left: dict[str, tuple[int, str, str, bool]] = {}

    def add(
        self, *keys: str, times: int = 1, code: str = LOCKED[0], message: str = LOCKED[1], alerts: bool = False
    ) -> None:
        """Let the next `times` writes fail that name one of these keys; by default the row is locked.

        With `alerts`, as a duplicate rule that only alerts does: a write that allows to be saved is.
        """
        with self._lock:
            for key in keys:
                self._left[full_id(key) or key] = (times, code, message, alerts)

    def clear(self) -> None:
        """Let every record be written again."""
        with self._lock:
            self._left.clear()

    def check(self, *names: str, saves: bool = False) -> None:
        """Raise RecordError when a write with one of these names is to be refused, and count it."""
        with self._lock:
            for name in names:
                key = full_id(name) or name
                times, code, message, alerts = self._left.get(key, (0, "", "", False))
                if alerts and saves:
                    continue
                if times == 1:
                    del self._left[key]
                elif times:
                    self._left[key] = (times - 1, code, message, alerts)
                if times:
                    raise RecordError(code, message)
