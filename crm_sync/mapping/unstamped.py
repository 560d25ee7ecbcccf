"""Fields whose values change without a stamp on their record: formulas, roll-ups, and fields of a parent."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from crm_sync.salesforce.schema.describe import FieldDescription


class FormulaReading(StrEnum):
    """When a pull reads again what changes without a stamp."""

    WITH_FULL_SYNC = "with each full sync"
    DAILY = "once a day"
    HOURLY = "once an hour"

    @property
    def comes(self) -> str:
        """Say when a change of such a field alone arrives."""
        when = "with the full sync of each week" if self is FormulaReading.WITH_FULL_SYNC else self.value
        return f"a change of it alone comes {when}"

    def is_due(self, read_at: datetime | None, now: datetime) -> bool:
        """Return whether a pull reads such fields again, when it did so last at `read_at`."""
        every = _EVERY.get(self)
        return every is not None and (read_at is None or now - read_at >= every)


# A little less, so that the run of the same minute is in time.
_EVERY = {
    FormulaReading.DAILY: timedelta(hours=24) - timedelta(minutes=5),
    FormulaReading.HOURLY: timedelta(hours=1) - timedelta(minutes=5),
}


def unstamped_fields(fields: Mapping[str, FieldDescription | None]) -> list[str]:
    """Return the paths whose values change without a stamp, of those that Salesforce shows."""
    return [path for path, field in fields.items() if field and changes_unstamped(path, field)]


def changes_unstamped(path: str, field: FieldDescription) -> bool:
    """Return whether a field's value changes without its record."""
    return field.calculated or "." in path
