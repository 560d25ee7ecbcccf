"""The org's request limits."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from standins.salesforce.errors import SalesforceError
from standins.salesforce.org.settings import OrgSettings

_DAY = timedelta(hours=24)


class Usage:
    """The rolling 24-hour allocation, and the hourly limit after which the org blocks for hours."""

    def __init__(self, settings: OrgSettings, clock: Callable[[], datetime]) -> None:
        """Start with nothing used."""
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._day: deque[datetime] = deque()
        self._hour: deque[datetime] = deque()
        self.blocked_until: datetime | None = None

    @property
    def used(self) -> int:
        """Return the requests of the last 24 hours, those of other integrations included."""
        with self._lock:
            _forget(self._day, self._clock() - _DAY)
            return len(self._day) + self._settings.used_elsewhere

    def count(self, *, counts_to_day: bool) -> None:
        """Count a request; the hourly limit counts every one, the allocation only data requests."""
        now = self._clock()
        with self._lock:
            if counts_to_day:
                self._day.append(now)
            self._hour.append(now)
            _forget(self._hour, now - self._settings.hour)
            limit = self._settings.hourly_limit
            if limit is not None and len(self._hour) > limit:
                self.blocked_until = now + self._settings.block_for

    def check(self) -> None:
        """Raise SalesforceError REQUEST_LIMIT_EXCEEDED when a limit is passed."""
        blocked = self.blocked_until is not None and self._clock() < self.blocked_until
        if blocked or self.used > self._settings.daily_limit:
            raise SalesforceError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")

    def header(self) -> str:
        """Return the value of `Sforce-Limit-Info`."""
        return f"api-usage={self.used}/{self._settings.daily_limit}"


def _forget(moments: deque[datetime], before: datetime) -> None:
    while moments and moments[0] <= before:
        moments.popleft()
