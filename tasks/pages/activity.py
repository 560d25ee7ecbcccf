"""One page for everybody: what waits, what the last runs did, and how they ended."""

from datetime import datetime

from prefect.artifacts import create_markdown_artifact

from crm_sync.database.engine import CustomerDatabase
from crm_sync.runs.activity import PastRun, Waiting, read_runs, read_waiting
from tasks.pages.charts import bar_chart

# What a bar of each flow's chart counts.
_COUNTED = {
    "full_sync": ("Full syncs", "records read"),
    "incremental_pull": ("Pulls", "customers changed"),
    "campaign_push": ("Campaign pushes", "customers pushed"),
}
# Their own pages say how many; what is kept of a run does not.
_UNCOUNTED = ("contact_moment_export",)
_LISTED = (*_COUNTED, "retry_outputs", *_UNCOUNTED)
_LISTED_RUNS = 15


def publish_activity(database: CustomerDatabase, now: datetime) -> None:
    """Leave the page as it is now."""
    with database.transaction() as connection:
        waiting = read_waiting(connection)
        runs = {flow: read_runs(connection, flow) for flow in _LISTED}
    sentence = _sentence(waiting)
    lines = ["## Activity", "", sentence, "", *_what_waits(waiting)]
    for flow, (title, counted) in _COUNTED.items():
        if runs[flow]:
            lines += ["", *_chart(title, counted, runs[flow])]
    lines += ["", *_table([run for past in runs.values() for run in past]), "", f"As of {now:%Y-%m-%d %H:%M} UTC."]
    create_markdown_artifact("\n".join(lines), key="activity", description=sentence)


def _sentence(waiting: Waiting) -> str:
    rejected, members = waiting.rejected_records, waiting.campaign_customers
    said = f"{rejected:,} records could not be used, {members:,} customers wait in campaigns"
    return said + "".join(f", {number:,} {name} wait" for name, number in waiting.backlogs.items()) + "."


def _what_waits(waiting: Waiting) -> list[str]:
    bars = {
        "rejected records": waiting.rejected_records,
        "campaign customers": waiting.campaign_customers,
        **waiting.backlogs,
    }
    advice = {
        "rejected records": "correct them in Salesforce, or the mapping and then run full-sync; by cause on its page",
        "campaign customers": "run campaign-push for their campaign",
    }
    lines = [*bar_chart("What waits", bars, counted="waiting"), "", "| what waits | | what to do |"]
    lines += ["| --- | ---: | --- |"]
    later = "nothing: the next run goes on"
    return lines + [f"| {name} | {number:,} | {advice.get(name, later)} |" for name, number in bars.items()]


def _chart(title: str, counted: str, runs: list[PastRun]) -> list[str]:
    """Label each run by its time, and those of other days by their day too; no two labels may be the same."""
    last = runs[-1].started_at.date()
    bars: dict[str, int] = {}
    for run in runs:
        if run.state == "DryRun":
            continue
        label = f"{run.started_at:%H:%M}" if run.started_at.date() == last else f"{run.started_at:%d.%m. %H:%M}"
        value = run.changed if run.flow == "incremental_pull" else run.read
        bars[label] = bars.get(label, 0) + value
    return bar_chart(f"{title} (UTC)", bars, counted=counted)


def _table(runs: list[PastRun]) -> list[str]:
    latest = sorted(runs, key=lambda run: run.started_at, reverse=True)[:_LISTED_RUNS]
    lines = ["### Last runs", "", "| run | began (UTC) | ended as | read or sent | changed | requests | seconds |"]
    lines += ["| --- | --- | --- | ---: | ---: | ---: | ---: |"]
    return lines + [_row(run) for run in latest]


def _row(run: PastRun) -> str:
    took = "" if run.seconds is None else f"{run.seconds:.1f}"
    # With spaces at which no line breaks.
    began = f"{run.started_at:%d %b %H:%M}".replace(" ", "\N{NO-BREAK SPACE}")
    read, changed = ("", "") if run.flow in _UNCOUNTED else (f"{run.read:,}", f"{run.changed:,}")
    return f"| {run.flow} | {began} | {run.state} | {read} | {changed} | {run.requests:,} | {took} |"
