"""The end of a full sync or a pull: its summary, and its record."""

from typing import Any

from crm_sync.mapping.checked import ResolvedMapping
from crm_sync.pull.summary import SyncSummary
from crm_sync.runs.history_store import count_rejects, read_reject_examples
from tasks.pull.landing import Landed
from tasks.run.run import Run

# So many rejects a run lists one by one; more make the pages' server slow.
_LISTED = 10_000


def end_sync(
    run: Run, checked: ResolvedMapping, landed: Landed, *, own_rejects: bool = False, **findings: Any
) -> SyncSummary:
    """Record the run as done and return its summary; `findings` are further parts of the summary.

    `own_rejects`: show only the records that this run could not use, not those of earlier ones too.
    """
    counts = landed.counts
    with run.database.transaction() as connection:
        only = run.number if own_rejects else None
        rejects = count_rejects(connection, counts.keys(), only)
        examples = read_reject_examples(connection, counts.keys(), _LISTED, only)
    # Of people who were erased there is nothing in the database, only their number.
    rejects += [(str(one), "the person was erased here", its.erased) for one, its in counts.items() if its.erased]
    summary = SyncSummary(
        counts=counts,
        requests_used=run.ledger.used,
        seconds=run.seconds,
        rejects=rejects,
        reject_examples=examples,
        org_host=run.org.host,
        missing_fields={sobject: checked.missing[sobject] for sobject in counts if sobject in checked.missing},
        changes=landed.would_change,
        held_back=landed.judged.held_back,
        many_noes=landed.judged.many_noes,
        held=landed.held,
        hidden_consent=checked.hidden_consent,
        left_out=checked.left_out,
        **findings,
    )
    run.end(summary.state, counts)
    return summary
