"""Waiting that a person can see in the run's log."""

import time
from collections.abc import Callable
from time import monotonic

from tasks.log import run_logger

pause = time.sleep  # noqa: TID251  # the one default of all `sleep` arguments
_QUIET_SECONDS = 5.0
_SECONDS_BETWEEN_LINES = 60.0
# A run that is cancelled should not sleep on.
_LONGEST_SLEEP = 5.0


class Waiting:
    """One wait, in one or many parts; says so after a few seconds, and again every minute."""

    def __init__(self, reason: str, clock: Callable[[], float] = monotonic) -> None:
        """Begin to wait for what `reason` names; `clock` counts seconds."""
        self._reason = reason
        self._clock = clock
        self._began = clock()
        self._next_line = self._began + _QUIET_SECONDS

    def sleep(self, seconds: float, sleep: Callable[[float], None] = pause) -> None:
        """Wait so long, in short sleeps."""
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0:
            now = self._clock()
            if now >= self._next_line:
                self._next_line = now + _SECONDS_BETWEEN_LINES
                run_logger().info("Waiting for %s (%.0f s so far).", self._reason, now - self._began)
            sleep(min(left, _LONGEST_SLEEP))


def pause_for(endpoint_url: str) -> Callable[[float], None]:
    """Return how to wait for a side; a stand-in on this machine has its work done when it is asked for it."""
    return (lambda _: None) if endpoint_url else pause
