"""The counts of a run by object, which a sync and an export of contact moments leave alike."""

from dataclasses import asdict
from typing import Any

from crm_sync.moments.summary import MomentExportSummary
from crm_sync.pull.summary import SyncSummary
from tasks.pages.markdown import Markdown, publish_table, table


def publish_counts(key: str, counted: str, summary: SyncSummary | MomentExportSummary) -> Markdown:
    """Leave a run's counts as a table under a key, and return them for its page, with a row for each outcome."""
    both: dict[Any, Any] = {**summary.counts, "all": summary.total}
    counts = {str(name): asdict(one) for name, one in both.items()}
    rows = [{"object": name, **outcomes} for name, outcomes in counts.items()]
    publish_table(key, rows, summary.sentence(), state=summary.state)
    return table((counted, *counts), [(name, *(side[name] for side in counts.values())) for name in counts["all"]])
