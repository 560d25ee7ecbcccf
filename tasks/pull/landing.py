"""How a run lands what it reads, and what it does about consent when every object is in."""

from datetime import timedelta

from prefect import get_run_logger, task

from crm_sync.consent.cycle_store import Cycle, close_cycle
from crm_sync.consent.gaps_store import note_gaps
from crm_sync.consent.ledger_store import Judged
from crm_sync.consent.overview_store import read_candidates
from crm_sync.consent_words import Channel
from crm_sync.customers.landing_context import LandingContext
from crm_sync.database.engine import CustomerDatabase
from crm_sync.mapping.checked import ResolvedMapping
from crm_sync.mapping.model import DeletedPeople, ObjectMapping, Overwrite, Resubscription
from crm_sync.pull.watermarks_store import Watermark, read_watermarks
from crm_sync.sobject import SObject
from tasks.pages.consent import publish_held_back
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import Run

# Changes can become visible later than their stamp says; so far before a watermark nothing was missed.
_OVERLAP = timedelta(minutes=10)


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
        known_until={one: mark.stored_until - _OVERLAP for one, mark in marks.items()},
        new_consent=[one for one in mapped if one in marks and marks[one].consent_links != rules.of(one).consent_links],
        hidden_consent=sorted({via for some in hidden_consent(checked).values() for via in some}),
        stop_mailing=rules.deleted is DeletedPeople.STOP_MAILING,
        sets_aside=True,
    )


def _reads_anew(checked: ResolvedMapping, sobject: SObject, mark: Watermark | None) -> bool:
    return mark is not None and mark.mapping_fingerprint not in {"", checked.saved.fingerprint(sobject)}


def known_types(run: Run) -> dict[SObject, dict[str, str | None]]:
    """Return the types of each object's fields as they were read last."""
    with run.database.transaction() as connection:
        return {sobject: mark.field_types for sobject, mark in read_watermarks(connection, run.org_key).items()}


def hidden_consent(checked: ResolvedMapping) -> dict[SObject, list[Channel]]:
    """Return the channels whose linked field Salesforce no longer shows, by object."""
    hidden = {}
    for one in checked.rules.mapped:
        shown = set() if one in checked.left_out else _channels(checked.rules.of(one))
        gone = _channels(checked.saved.of(one)) - shown
        if gone:
            hidden[one] = sorted(gone)
    return hidden


def _channels(mapping: ObjectMapping) -> set[Channel]:
    linked = {link.name for link in mapping.links if link.is_consent}
    return {channel for channel in Channel if channel.customer_field in linked}


def judge_consent(
    run: Run, checked: ResolvedMapping, landing: LandingContext, *, lifts_approved: bool = False
) -> Judged:
    """Judge the yeses that wait, now that every mapped object was read, and queue what Salesforce is to be written."""
    cycle = Cycle(
        run.database.hashes,
        run.number,
        run.started_at,
        landing.linked_consent,
        users_may_lift=checked.saved.resubscription is Resubscription.PERSON_OR_USER,
        lifts_approved=lifts_approved,
    )
    judged = _judge(run.database, cycle, hidden_consent(checked))
    if judged.held_back:
        with run.database.transaction() as connection:
            publish_held_back(read_candidates(connection))
        get_run_logger().warning(
            "%s people would be mailed again; that waits until somebody approves it in the form of the next pull.",
            f"{judged.held_back:,}",
        )
    return judged


@task(task_run_name="judge consent", **IN_MEMORY)
def _judge(database: CustomerDatabase, cycle: Cycle, hidden: dict[SObject, list[Channel]]) -> Judged:
    with database.transaction() as connection:
        shown = {one: set(via) - set(hidden.get(one, ())) for one, via in cycle.linked.items()}
        note_gaps(connection, hidden, shown, cycle.now)
        return close_cycle(connection, cycle)
