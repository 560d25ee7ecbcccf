"""What a person sees of a run in the Prefect UI: progress, counts, rejects."""

import json
from dataclasses import asdict
from typing import Any, cast
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.settings import PREFECT_API_URL

from crm_sync.pull.record_changes import SHOWN_CHANGES, RecordChange
from crm_sync.pull.summary import SyncSummary
from crm_sync.runs.connection_report import ConnectionReport
from crm_sync.salesforce.schema.describe import Identity
from crm_sync.sobject import SObject

# More rows make the page of an artifact slow; a Python caller gets all of them.
_SHOWN_CHANGES = 1_000

_COLOURS = {
    "inserted": "#16a34a",
    "updated": "#2563eb",
    "unchanged": "#94a3b8",
    "superseded": "#a78bfa",
    "rejected": "#dc2626",
    "deleted": "#f59e0b",
}
# The UI draws charts on a dark ground, where Mermaid's own black text cannot be read.
_ON_DARK = {"pieLegendTextColor": "#e2e8f0", "pieStrokeColor": "#1e293b", "pieOuterStrokeColor": "#1e293b"}


class Progress:
    """The progress of one sObject, kept up to date in the UI."""

    def __init__(self, flow: str, sobject: SObject, *, done: int, expected: int) -> None:
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


def publish_summary(flow: str, summary: SyncSummary) -> None:
    """Leave the run's counts as a table, and its rejects by reason beside them."""
    key = flow.replace("_", "-")
    rows = [{"object": str(sobject), **asdict(counts)} for sobject, counts in summary.counts.items()]
    rows.append({"object": "all", **asdict(summary.total)})
    create_table_artifact(rows, key=f"{key}-counts", description=summary.sentence())
    create_markdown_artifact(_markdown(flow, summary), key=f"{key}-summary", description=summary.sentence())
    if summary.rejects:
        rejects = [
            {"object": sobject, "reason": reason, "records": records} for sobject, reason, records in summary.rejects
        ]
        create_table_artifact(rejects, key=f"{key}-rejects", description="Records that could not be used, by reason")


def publish_changes(flow: str, summary: SyncSummary) -> None:
    """Leave what a dry run found as a table, of which the UI shows the first thousand rows, and a link to it."""
    if summary.changes is None:
        return
    shown = summary.changes.head(_SHOWN_CHANGES).fillna("")
    said = f"{summary.sentence()} {len(shown):,} of {len(summary.changes):,} changed values are shown."
    key = f"{flow.replace('_', '-')}-dry-run"
    rows = cast(list[dict[str, Any]], shown.to_dict("records"))
    table = create_table_artifact(rows, key=key, description=said)
    address = f"{PREFECT_API_URL.value() or ''}/artifacts/{table}"
    create_markdown_artifact(f"{said}\n\n[Download them as JSON]({address})", key=f"{key}-download", description=said)


def publish_record_changes(flow: str, changes: list[RecordChange], summary: SyncSummary) -> None:
    """Leave which records a pull brought and which of their fields, with links; values are people's data."""
    if not changes:
        return
    said = f"{len(changes):,} of {summary.total.read:,} records read brought something new."
    if len(changes) >= SHOWN_CHANGES:
        said = f"The first {len(changes):,} records that brought something new, of {summary.total.read:,} read."
    lines = [
        f"## {_title(flow)}: what it brought",
        "",
        said,
        "",
        "| object | record | what happened | fields |",
        "| - | - | - | - |",
    ]
    for change in changes:
        link = _link(summary.org_host, change.salesforce_id)
        lines.append(f"| {change.sobject} | {link} | {change.what} | {', '.join(change.fields)} |")
    create_markdown_artifact("\n".join(lines), key=f"{flow.replace('_', '-')}-changes", description=said)


def _title(flow: str) -> str:
    return flow.replace("_", " ").capitalize()


def _markdown(flow: str, summary: SyncSummary) -> str:
    outcomes = list(asdict(summary.total))
    lines = [
        f"## {_title(flow)}",
        "",
        summary.sentence(),
        "",
        "| object | " + " | ".join(outcomes) + " |",
        "| --- |" + " ---: |" * len(outcomes),
        *(_row(str(sobject), asdict(counts)) for sobject, counts in summary.counts.items()),
        _row("**all**", asdict(summary.total)),
        "",
        "Superseded: another record of the same person speaks for the customer. "
        "Deleted: in Salesforce's recycle bin, or gone.",
        *_pie(asdict(summary.total)),
        "",
        f"Salesforce requests: {summary.requests_used}. {summary.seconds:.1f} s, "
        f"{summary.records_per_second:,.0f} records a second.",
    ]
    if summary.resumed:
        lines += ["", f"Went on where an earlier run had stopped: {', '.join(summary.resumed)}."]
    if summary.rejects:
        lines += ["", "### Records that could not be used", "", "| object | reason | records |", "| --- | --- | ---: |"]
        lines += [f"| {sobject} | {reason} | {records:,} |" for sobject, reason, records in summary.rejects]
        lines += ["", "All are in the table `rejected_record`; the next good version of a record clears it. Some:", ""]
        lines += [f"- {_link(summary.org_host, record)}: {reason}" for record, reason in summary.reject_examples]
    for sobject, names in summary.missing_fields.items():
        if names:
            lines += ["", f"**{sobject} no longer shows {', '.join(names)}**: left out; the mapping is unchanged."]
    return "\n".join(lines)


def _row(name: str, counts: dict[str, int]) -> str:
    return f"| {name} | " + " | ".join(f"{count:,}" for count in counts.values()) + " |"


def _pie(counts: dict[str, int]) -> list[str]:
    """Return a Mermaid chart of what became of the records; an SVG would not be drawn in the UI."""
    # Mermaid gives its colours out by size, whatever the order of the lines.
    outcomes = sorted((outcome for outcome in _COLOURS if counts[outcome]), key=lambda outcome: -counts[outcome])
    if not outcomes:
        return []
    theme = _ON_DARK | {f"pie{place}": _COLOURS[outcome] for place, outcome in enumerate(outcomes, start=1)}
    settings = json.dumps({"theme": "base", "themeVariables": theme})
    slices = [f'    "{outcome}" : {counts[outcome]}' for outcome in outcomes]
    return ["", "```mermaid", f"%%{{init: {settings}}}%%", "pie showData", *slices, "```"]


def publish_connection(report: ConnectionReport) -> None:
    """Leave what a check of the connection found as a page to read."""
    identity = report.identity
    left = "not known" if report.daily_requests_left is None else f"{report.daily_requests_left:,}"
    allowed = "" if report.daily_requests is None else f" of {report.daily_requests:,}"
    facts = {
        "Logged in as": identity.user,
        "Org": f"{identity.organization_name} ({identity.organization_id}), {_kind(identity)}",
        "Address": _link(identity.host),
        "Requests left today": left + allowed,
        "Records": ", ".join(f"{name}: about {count:,}" for name, count in report.records.items()),
        "Customer database": f"{report.database}, {report.customers:,} customers",
        "Requests this check used": str(report.requests_used),
    }
    lines = ["## Connection", "", report.sentence(), "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in facts.items()]
    lines += [
        "",
        "### Mapped fields",
        "",
        "| object | Salesforce field | type | customer field | |",
        "| - | - | - | - | - |",
    ]
    for field in report.fields:
        unique = " (unique)" if field.is_unique else ""
        shown = field.salesforce_type or "?"
        target = f"{field.customer_field}{unique}"
        lines.append(f"| {field.sobject} | {field.salesforce_field} | {shown} | {target} | {field.finding} |")
    create_markdown_artifact("\n".join(lines), key="connection", description=report.sentence())


def _link(host: str, record: str = "") -> str:
    return f"[{record or host}](https://{host}/{record})"


def _kind(identity: Identity) -> str:
    return "sandbox" if identity.is_sandbox else "production"
