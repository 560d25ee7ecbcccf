"""What the tests of the exchange share."""

from datetime import UTC, datetime

TOKEN = "1f0c-planted-token"
START = datetime(2026, 11, 26, 12, tzinfo=UTC)


def no_sleep(_: float) -> None:
    """Wait for the stand-in: not at all."""
