"""What an export does to the customer database, for tests."""

from datetime import timedelta
from typing import Any

from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.moments import moment_export
from crm_sync.moments.due import DueFilter, count_due, count_without_record, read_due
from crm_sync.moments.record import record_moments
from crm_sync.moments.results import store_tried
from crm_sync.moments.settings import MomentRules
from crm_sync.sobject import SObject
from tests.moments.moments_told import NOW, Row, moment
from tests.rigs.story import Story

LEAD, CONTACT = SObject.LEAD, SObject.CONTACT

SHAPES = {LEAD: "as it is", CONTACT: "as it is"}


class Exporter:
    """What an export does to the database, without Salesforce."""

    def __init__(self, story: Story, database: CustomerDatabase) -> None:
        """Start with whatever the story holds."""
        self.story = story
        self.database = database
        self.started_at = NOW + timedelta(days=1)

    def record(self, *keys: str, **known: Any) -> None:
        """Record a moment for each of these customers, by their key; the key is the moment's too."""
        customers = self.story.customers()
        rows = [moment(key, customers[key]["id"], **known) for key in keys]
        record_moments(self.database, rows, NOW)

    def question(self, rules: MomentRules | None = None, **options: Any) -> DueFilter:
        """Ask as another run would, a minute later."""
        self.started_at += timedelta(minutes=1)
        return DueFilter(rules or MomentRules(max_age_days=0), SHAPES, self.started_at, **options)

    def due(self, rules: MomentRules | None = None, **options: Any) -> dict[str, list[str]]:
        """Return to which records each due moment goes, and see that counting them comes to the same."""
        question = self.question(rules, **options)
        with self.database.transaction() as connection:
            frame = read_due(connection, question, 1000)
            counts = count_due(connection, question)
        assert {sobject: count.due for sobject, count in counts.items()} == {
            sobject: int((frame["sobject"] == sobject).sum()) for sobject in SObject
        }
        return {str(name): list(group) for name, group in frame.groupby("moment_id")["parent_id"]}

    def waiting(self, rules: MomentRules | None = None) -> int:
        """Return how many moments wait for a record."""
        with self.database.transaction() as connection:
            return count_without_record(connection, self.question(rules)).due

    def export(self, *, refusal: str | None = None, code: str | None = None, sent: bool = True) -> None:
        """Store that all due moments went well, or were refused."""
        question = self.question()
        with self.database.transaction() as connection:
            due = read_due(connection, question, 1000)
            told = {
                "payload_fingerprint": "as it is",
                "content": None if refusal else "1",
                "salesforce_id": None,
                "refusal": refusal,
                "error_code": code,
                "error_message": None,
            }
            store_tried(connection, due.assign(**told), question.started_at, were_sent=sent)

    def exports(self) -> dict[str, Row]:
        """Return what is known of the exports, by moment."""
        return self.story.rows(moment_export, "moment_id")
