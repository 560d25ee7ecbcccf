"""An export without Salesforce, for tests: what it reads from and stores in the customer database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.moments import moment_export
from crm_sync.moments.due_store import DueFilter, count_due, count_without_record, read_due
from crm_sync.moments.record_store import record_moments
from crm_sync.moments.results_store import store_results
from crm_sync.moments.settings import MomentRules
from crm_sync.sobject import SObject
from tests.rigs.story import Story

LEAD, CONTACT = SObject.LEAD, SObject.CONTACT

FINGERPRINTS = {LEAD: "as it is", CONTACT: "as it is"}
SENT = datetime(2026, 1, 1, 9, tzinfo=UTC)
NOW = datetime(2026, 1, 2, tzinfo=UTC)
Row = dict[str, Any]


def at(hours: int) -> datetime:
    """Return a time after the e-mail was sent."""
    return SENT + timedelta(hours=hours)


def moment(moment_id: str = "m1", customer_id: int = 1, **known: Any) -> Row:
    """Return a contact moment as a sender records it."""
    return {"moment_id": moment_id, "customer_id": customer_id, "sent_at": SENT, **known}


def accepted(due: pd.DataFrame, **changes: Any) -> pd.DataFrame:
    """Return the results of due moments that Salesforce accepted, but for these changes."""
    nothing = dict.fromkeys(("salesforce_id", "refusal", "error_code", "error_message"))
    return due.assign(**{"payload_fingerprint": "as it is", "content": "1", **nothing, **changes})


class Exporter:
    """Records moments, and exports them without Salesforce."""

    def __init__(self, story: Story, database: CustomerDatabase) -> None:
        """Start with the customers of the story."""
        self.story = story
        self.database = database
        self.started_at = NOW + timedelta(days=1)

    def record(self, *keys: str, **known: Any) -> None:
        """Record a moment for each of these customers, by their key; the key is the moment's too."""
        customers = self.story.customers()
        rows = [moment(key, customers[key]["id"], **known) for key in keys]
        record_moments(self.database, rows, NOW)

    def due_filter(self, rules: MomentRules | None = None, **options: Any) -> DueFilter:
        """Return the filter of another run, a minute later."""
        self.started_at += timedelta(minutes=1)
        return DueFilter(rules or MomentRules(max_age_days=0), FINGERPRINTS, self.started_at, **options)

    def due(self, rules: MomentRules | None = None, **options: Any) -> dict[str, list[str]]:
        """Return the records to which each due moment goes; counting them gives the same numbers."""
        due_filter = self.due_filter(rules, **options)
        with self.database.transaction() as connection:
            frame = read_due(connection, due_filter, 1000)
            counts = count_due(connection, due_filter)
        assert {sobject: count.due for sobject, count in counts.items()} == {
            sobject: int((frame["sobject"] == sobject).sum()) for sobject in SObject
        }
        return {str(name): list(group) for name, group in frame.groupby("moment_id")["parent_id"]}

    def waiting(self, rules: MomentRules | None = None) -> int:
        """Return the number of moments that wait for a record."""
        with self.database.transaction() as connection:
            return count_without_record(connection, self.due_filter(rules)).due

    def export(self, *, refusal: str | None = None, code: str | None = None, sent: bool = True, only: str = "") -> None:
        """Store that all due moments, or only one, were accepted or refused."""
        due_filter = self.due_filter()
        with self.database.transaction() as connection:
            due = read_due(connection, due_filter, 1000)
            due = due[due["moment_id"].eq(only) | (not only)]
            changes = {"content": None, "refusal": refusal, "error_code": code} if refusal else {}
            store_results(connection, accepted(due, **changes), due_filter.started_at, were_sent=sent)

    def exports(self) -> dict[str, Row]:
        """Return the stored exports, by moment."""
        return self.story.rows(moment_export, "moment_id")
