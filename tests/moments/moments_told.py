"""What the sending side tells of e-mails."""

from datetime import UTC, datetime, timedelta
from typing import Any

SENT = datetime(2026, 1, 1, 9, tzinfo=UTC)
NOW = datetime(2026, 1, 2, tzinfo=UTC)
Row = dict[str, Any]


def at(hours: int) -> datetime:
    """Return a moment after the e-mail was sent."""
    return SENT + timedelta(hours=hours)


def moment(moment_id: str = "m1", customer_id: int = 1, **known: Any) -> Row:
    """Return what is known of an e-mail."""
    return {"moment_id": moment_id, "customer_id": customer_id, "sent_at": SENT, **known}
