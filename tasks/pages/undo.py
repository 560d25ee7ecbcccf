"""The pages of undo-run: the runs that can be taken back, and what taking one back changes; no values."""

from collections.abc import Sequence

from crm_sync.history.undo_store import KeptRun, UndoPlan
from crm_sync.runs.counts import counted
from tasks.pages.field_words import FIELD_WORDS
from tasks.pages.markdown import Markdown, link_to_page, publish_page, publish_table, table

_LISTED = 10_000
_LIST = "undo-run-list"
# They follow from other fields, and are not shown.
_UNSHOWN = ("address_hash", "mail_status_before")


def publish_runs(runs: Sequence[KeptRun]) -> str:
    """Leave the list of runs, and return the sentence of the page."""
    sentence = f"{counted(len(runs), 'run')} can be taken back."
    rows = [
        (str(run.number), run.flow.replace("_", "-"), f"{run.started_at:%Y-%m-%d %H:%M} UTC", run.customers)
        for run in runs
    ]
    publish_page(
        "undo-run", "Runs that can be taken back", sentence, table(("run", "flow", "started", "customers"), rows)
    )
    return sentence


def publish_undo(run: int, plan: UndoPlan, *, dry_run: bool) -> str:
    """Leave what changes by field, with the list of customers, and return the sentence of the page."""
    changes = plan.changes[~plan.changes["field"].isin(_UNSHOWN)].replace({"field": FIELD_WORDS})
    customers = counted(int(changes["customer_id"].nunique()), "customer")
    verb = "would get back" if dry_run else "got back"
    sentence = f"{customers} {verb} {counted(len(changes), 'value')} from before run {run}"
    sentence += f"; {counted(plan.left, 'value')} changed again since and stay." if plan.left else "."
    by_field = changes.groupby("field")["customer_id"].nunique().sort_values(ascending=False)
    publish_page(
        "undo-run",
        f"Run {run} taken back" + (": dry run" if dry_run else ""),
        sentence,
        table(("field", "customers"), [(str(field), int(number)) for field, number in by_field.items()]),
        Markdown(f"Each value's customer is in the list {link_to_page(_LIST)}.") if len(changes) else Markdown(),
    )
    listed = [
        {"customer": int(one), "field": field}
        for one, field in changes[["customer_id", "field"]].head(_LISTED).itertuples(index=False)
    ]
    if listed:
        publish_table(_LIST, listed, sentence, in_all=len(changes))
    return sentence
