"""One page for everybody: what waits, what the last runs did, and how they ended."""

from datetime import datetime

from crm_sync.database.engine import CustomerDatabase
from crm_sync.runs.activity_store import PastRun, Waiting, read_runs, read_waiting
from crm_sync.runs.states import RunState
from tasks.pages.charts import bar_chart
from tasks.pages.markdown import Markdown, heading, publish_page, table

# What a bar of each flow's chart counts.
_COUNTED = {
    "full_sync": ("Full syncs", "records read"),
    "incremental_pull": ("Pulls", "customers changed"),
    "campaign_push": ("Campaign pushes", "customers pushed"),
}
# How many moments an export wrote is on its own page only.
_UNCOUNTED = ("contact_moment_export",)
_LISTED = (*_COUNTED, "retry_outputs", *_UNCOUNTED)
_LISTED_RUNS = 15
_ADVICE = {
    "rejected records": "correct them in Salesforce, or the mapping and then run full-sync; by cause on its page",
    "campaign customers": "run campaign-push for their campaign",
}
_NEXT_RUN = "nothing: the next run goes on"


def publish_activity(database: CustomerDatabase, now: datetime) -> None:
    """Leave the page as it is now."""
    with database.transaction() as connection:
        waiting = read_waiting(connection)
        runs = {flow: read_runs(connection, flow) for flow in _LISTED}
    bars = {
        "rejected records": waiting.rejected_records,
        "campaign customers": waiting.campaign_customers,
        **waiting.backlogs,
    }
    latest = sorted((run for past in runs.values() for run in past), key=lambda run: run.started_at, reverse=True)
    publish_page(
        "activity",
        "Activity",
        _sentence(waiting),
        table(
            ("what waits", "", "what to do"),
            [(name, number, _ADVICE.get(name, _NEXT_RUN) if number else None) for name, number in bars.items()],
        ),
        *(_chart(title, counted, runs[flow]) for flow, (title, counted) in _COUNTED.items() if runs[flow]),
        heading("Last runs"),
        table(
            ("run", "began (UTC)", "ended as", "read or sent", "changed", "requests"),
            map(_row, latest[:_LISTED_RUNS]),
        ),
        Markdown(f"As of {now:%Y-%m-%d %H:%M} UTC."),
    )


def _sentence(waiting: Waiting) -> str:
    rejected, members = waiting.rejected_records, waiting.campaign_customers
    if not (rejected or members or any(waiting.backlogs.values())):
        return "Nothing waits."
    said = f"Waiting: {rejected:,} records that could not be used, {members:,} customers in campaigns"
    return said + "".join(f", {number:,} {name}" for name, number in waiting.backlogs.items()) + "."


def _chart(title: str, counted: str, runs: list[PastRun]) -> Markdown:
    """Label each run by its time, and those of other days by their day too; no two labels may be the same."""
    last = runs[-1].started_at.date()
    bars: dict[str, int] = {}
    for run in runs:
        if run.state == RunState.DRY_RUN:
            continue
        label = f"{run.started_at:%H:%M}" if run.started_at.date() == last else f"{run.started_at:%d.%m. %H:%M}"
        value = run.changed if run.flow == "incremental_pull" else run.read
        bars[label] = bars.get(label, 0) + value
    return Markdown(f"{heading(title)}\n\n{bar_chart('began (UTC)', counted, bars)}")


def _row(run: PastRun) -> tuple[object, ...]:
    # With spaces at which no line breaks.
    began = f"{run.started_at:%d %b %H:%M}".replace(" ", "\N{NO-BREAK SPACE}")
    counts = (None, None) if run.flow in _UNCOUNTED else (run.read, run.changed)
    ended = next((one.verdict for one in RunState if one == run.state), run.state)
    return run.flow.replace("_", "-"), began, ended, *counts, run.requests
