"""What is done about each waiting delivery, after a look at what Salesforce holds."""

from enum import StrEnum

import pandas as pd

from crm_sync.consent_words import Said


class Step(StrEnum):
    """The next step of a delivery."""

    WRITE = "write"
    HELD = "held"  # Salesforce holds it already
    LATER = "later"  # the record changed, or is not to be seen: the next pull brings the news first


def next_steps(waiting: pd.DataFrame, current: pd.DataFrame) -> pd.Series:
    """Return the step (text) of each delivery of one object and channel.

    `waiting`: `record_id`, `said`, `system_modstamp` (of the record when it was last read). `current`, by record Id:
    `says_no` (boolean), `is_deleted` (bool), `stamp` (datetime). A no is written over any yes. A yes is written only to
    a record that nobody has changed since it was read: somebody may have said no there again.
    """
    there = current.reindex(waiting["record_id"]).set_axis(waiting.index)
    is_seen = there["stamp"].notna() & ~there["is_deleted"].eq(True)
    says_no = there["says_no"].eq(True)
    is_no = waiting["said"].eq(Said.NO.value)
    is_unchanged = pd.to_datetime(there["stamp"], utc=True).le(pd.to_datetime(waiting["system_modstamp"], utc=True))
    steps = pd.Series(Step.LATER.value, index=waiting.index, dtype="str")
    steps = steps.mask(is_seen & (is_no ^ says_no) & (is_no | is_unchanged), Step.WRITE.value)
    return steps.mask(is_seen & ~(is_no ^ says_no), Step.HELD.value)
