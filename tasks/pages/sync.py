"""The pages of a full sync and of a pull: progress, counts, rejects, and the changes that a pull brought."""

from typing import Any, cast
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from crm_sync.pull.record_changes_store import SHOWN_CHANGES, RecordChange
from crm_sync.pull.summary import SyncSummary
from tasks.pages.counts import publish_counts
from tasks.pages.field_words import FIELD_WORDS
from tasks.pages.held import publish_held
from tasks.pages.markdown import (
    Markdown,
    address,
    bold,
    bullets,
    escape,
    heading,
    link,
    publish_page,
    publish_table,
    table,
)

_EXAMPLES = 10


class Progress:
    """The progress of one sObject, kept up to date in the UI."""

    def __init__(self, flow: str, sobject: str, *, done: int, expected: int) -> None:
        """Show `done` of `expected` records."""
        self._expected = max(expected, 1)
        self._done = done
        self._sobject = sobject
        key = f"{flow.replace('_', '-')}-{sobject.lower()}"
        artifact = create_progress_artifact(self._percent, key=key, description=self._sentence)
        self._artifact = cast(UUID, artifact)  # only in an event loop it would be a coroutine

    @property
    def _percent(self) -> float:
        return round(min(100.0, 100.0 * self._done / self._expected), 1)

    @property
    def _sentence(self) -> str:
        return f"{self._done:,} of {self._expected:,} {self._sobject} records stored"

    def add(self, records: int) -> None:
        """Show that `records` more are stored."""
        self._done += records
        update_progress_artifact(self._artifact, self._percent, self._sentence)
        get_run_logger().info("%s: %s of %s records", self._sobject, f"{self._done:,}", f"{self._expected:,}")


def publish_sync(flow: str, summary: SyncSummary, shown: list[RecordChange] | None = None) -> None:
    """Leave the run's pages: counts, rejects, what is held back, what a dry run found, `shown`: what a pull brought."""
    publish_summary(flow, summary)
    publish_held(flow, summary)
    publish_changes(flow, summary)
    publish_record_changes(flow, shown or [], summary)


def publish_summary(flow: str, summary: SyncSummary) -> None:
    """Leave the run's counts as a page and a table, and its rejects by reason beside them."""
    key = flow.replace("_", "-")
    publish_page(
        f"{key}-summary",
        _title(flow),
        summary.sentence(),
        publish_counts(f"{key}-counts", "records", summary),
        Markdown(
            "Superseded: another record of the same person is the customer's source. Deleted: in Salesforce's recycle "
            "bin, or gone. Conflicts: fields that changed here too, where Salesforce won. Erased: of the "
            "rejected ones, those of people who were erased here."
        ),
        Markdown(
            f"Salesforce requests: {summary.requests_used}. {summary.seconds:.1f} s, "
            f"{summary.records_per_second:,.0f} records a second."
        ),
        *_notes(summary),
        state=summary.state,
    )
    if summary.rejects:
        rejects = [
            {"object": sobject, "reason": reason, "records": records} for sobject, reason, records in summary.rejects
        ]
        said = f"{summary.rejected:,} records could not be used"
        publish_table(f"{key}-rejects", rejects, f"{said}, by reason.")
        records = [
            {"record": record, "reason": why, "address": address(summary.org_host, record)}
            for record, why in summary.reject_examples
        ]
        publish_table(f"{key}-rejected-records", records, f"{said}, one by one.", in_all=summary.rejected)


def _notes(summary: SyncSummary) -> list[Markdown]:
    parts = []
    if summary.resumed:
        parts.append(escape(f"Went on where an earlier run had stopped: {', '.join(summary.resumed)}."))
    if summary.rejects:
        examples = [
            Markdown(f"{link(summary.org_host, record)}: {escape(why)}")
            for record, why in summary.reject_examples[:_EXAMPLES]
        ]
        parts += [
            heading("Records that could not be used"),
            table(("object", "reason", "records"), summary.rejects),
            Markdown("The next good version of a record clears it. One by one they are on a page beside this. Some:"),
            bullets(examples),
        ]
    for sobject, names in summary.missing_fields.items():
        if names:
            lost = bold(f"{sobject} no longer shows {', '.join(names)}")
            parts.append(Markdown(f"{lost}: left out; the mapping is unchanged."))
    return parts


def publish_changes(flow: str, summary: SyncSummary) -> None:
    """Leave the changes that a dry run found as a table."""
    if summary.changes is None:
        return
    changes = summary.changes.fillna("").replace({"field": FIELD_WORDS}).rename(columns={"salesforce_id": "record"})
    rows = cast(list[dict[str, Any]], changes.to_dict("records"))
    publish_table(f"{flow.replace('_', '-')}-dry-run", rows, summary.sentence(), state=summary.state)


def publish_record_changes(flow: str, changes: list[RecordChange], summary: SyncSummary) -> None:
    """Leave the records that a pull brought and the names of their changed fields; values are people's data."""
    if not changes:
        return
    said = f"{len(changes):,} of {summary.total.read:,} records read brought something new."
    if len(changes) >= SHOWN_CHANGES:
        said = f"The first {len(changes):,} records that brought something new, of {summary.total.read:,} read."
    rows = [
        (change.sobject, link(summary.org_host, change.salesforce_id), change.what, ", ".join(change.fields))
        for change in changes
    ]
    publish_page(
        f"{flow.replace('_', '-')}-changes",
        f"{_title(flow)}: what it brought",
        said,
        table(("object", "record", "what happened", "fields"), rows),
    )


def _title(flow: str) -> str:
    return flow.replace("_", " ").capitalize()
