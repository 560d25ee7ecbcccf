"""How a run lands what it reads, and what it does about consent when every object is in."""

from dataclasses import dataclass, field, replace

import pandas as pd
from prefect import get_run_logger, task

from crm_sync.consent.cycle_store import Cycle, close_cycle
from crm_sync.consent.gaps_store import note_gaps
from crm_sync.consent.ledger_store import Judged
from crm_sync.consent.overview_store import read_candidates
from crm_sync.consent_words import Channel
from crm_sync.customers.landing_context import LandingContext
from crm_sync.database.engine import CustomerDatabase
from crm_sync.holds.rule import HeldChange
from crm_sync.mapping.checked import ResolvedMapping
from crm_sync.mapping.model import DeletedPeople, Overwrite, Resubscription
from crm_sync.pull.record_changes_store import RecordChange
from crm_sync.pull.watermarks_store import Watermark, read_watermarks
from crm_sync.runs.counts import Counts
from crm_sync.salesforce.read.changed_since import OVERLAP
from crm_sync.sobject import SObject
from tasks.pages.consent import publish_held_back
from tasks.pull.held import land_held
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import Run, utc_now


def landing_of(run: Run, checked: ResolvedMapping, *, repair: bool = False) -> LandingContext:
    """Return how this run lands records; with `repair` all linked fields of every record are written.

    An object that was never read, or read with another mapping, gives all its linked fields too.
    """
    with run.database.transaction() as connection:
        marks = read_watermarks(connection, run.org_key)
    mapped = checked.rules.mapped
    is_new = any(_reads_anew(checked, one, marks.get(one)) for one in mapped)
    rules = checked.saved
    return LandingContext(
        checked.rules,
        checked.types,
        run.number,
        run.started_at,
        run.database.hashes,
        only_changed=not (repair or is_new),
        overwrites=repair or is_new or rules.overwrite is Overwrite.ALL_LINKED_FIELDS,
        known_until={one: mark.stored_until - OVERLAP for one, mark in marks.items()},
        new_consent=[one for one in mapped if one in marks and marks[one].consent_links != rules.of(one).consent_links],
        hidden_consent=sorted({via for some in checked.hidden_consent.values() for via in some}),
        stop_mailing=rules.deleted is DeletedPeople.STOP_MAILING,
        sets_aside=True,
        clock=utc_now,
    )


def _reads_anew(checked: ResolvedMapping, sobject: SObject, mark: Watermark | None) -> bool:
    return mark is not None and mark.mapping_fingerprint not in {"", checked.saved.fingerprint(sobject)}


def known_types(run: Run) -> dict[SObject, dict[str, str | None]]:
    """Return the types of each object's fields as they were read last."""
    with run.database.transaction() as connection:
        return {sobject: mark.field_types for sobject, mark in read_watermarks(connection, run.org_key).items()}


@dataclass(frozen=True)
class Landed:
    """What a run landed: counts by object, what judging consent came to, what is held back; of a pull also some changes
    to show, of a dry run all changes that would come (`crm_sync.customers.dry_run`)."""

    counts: dict[SObject, Counts]
    judged: Judged = field(default_factory=Judged)
    held: list[HeldChange] = field(default_factory=list)
    shown: list[RecordChange] = field(default_factory=list)
    would_change: pd.DataFrame | None = None


def complete_landing(
    run: Run,
    checked: ResolvedMapping,
    landing: LandingContext,
    counts: dict[SObject, Counts],
    *,
    is_approved: bool,
    judges: bool = True,
) -> Landed:
    """Land what was set aside, as far as it may; then judge consent, but for a run that left some objects to others."""
    held = land_held(run, checked, landing, counts, is_approved=is_approved)
    judged = _judge_consent(run, checked, landing, is_approved=is_approved) if judges else Judged()
    return Landed(counts, judged, held)


def _judge_consent(run: Run, checked: ResolvedMapping, landing: LandingContext, *, is_approved: bool) -> Judged:
    """Judge the yeses that wait, and queue what Salesforce is to be written."""
    cycle = Cycle(
        run.database.hashes,
        run.number,
        run.started_at,
        landing.rules.linked_consent,
        clock=utc_now,
        users_may_lift=checked.saved.resubscription is Resubscription.PERSON_OR_USER,
        lifts_approved=is_approved,
    )
    judged = _judge(run.database, cycle, checked.hidden_consent)
    if judged.held_back:
        with run.database.transaction() as connection:
            publish_held_back(read_candidates(connection))
        get_run_logger().warning(
            "%s people would be mailed again; that waits until somebody approves it in the form of the next pull.",
            f"{judged.held_back:,}",
        )
    if judged.many_noes:
        get_run_logger().warning("%s people said no since the run before, more than usual.", f"{judged.many_noes:,}")
    return judged


@task(task_run_name="judge consent", **IN_MEMORY)
def _judge(database: CustomerDatabase, cycle: Cycle, hidden: dict[SObject, list[Channel]]) -> Judged:
    with database.transaction() as connection:
        shown = {one: set(via) - set(hidden.get(one, ())) for one, via in cycle.linked.items()}
        shown_again = note_gaps(connection, hidden, shown, cycle.now)
        return close_cycle(connection, replace(cycle, shown_again=shown_again))
