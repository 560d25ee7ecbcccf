"""The customers of a push: those that enter now and those that wait, known before anything happens.

A name that a person typed and under which nothing is known is refused here, with the names that are.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, select

from crm_sync.database.tables.customers import customer
from crm_sync.errors import ConfigurationError, NobodyWaitsError
from crm_sync.push import queue_store as queues
from crm_sync.push.outputs_store import find_outputs, read_error_codes, read_output_runs
from crm_sync.push.queue_store import ClaimOwner, Queue, stage_ids
from crm_sync.push.result import Output
from crm_sync.push.selection import FieldEquals
from crm_sync.push.selection_store import check_selection, find_selected
from crm_sync.push.typed_names import did_you_mean, listed, same_name


@dataclass(frozen=True)
class Audience:
    """Customers of one step: those `entering` now, how many are `waiting`, and those `left_behind` whose outcome a
    limit or a kill left open; `unknown_ids`: given ids that no customer has."""

    campaign: str
    step: str
    entering: tuple[int, ...] = ()
    waiting: int = 0
    left_behind: tuple[int, ...] = ()
    unknown_ids: int = 0


def find_audience(
    connection: Connection,
    campaign: str,
    step: str,
    *,
    customer_ids: Collection[int] = (),
    selection: Collection[FieldEquals] = (),
    linked_options: Collection[str] = (),
) -> Audience:
    """Return the customers of a push.

    Raises ConfigurationError for an impossible selection, NobodyWaitsError where a name or a selection leads to nobody.
    """
    queue = queues.find_queue(connection, _named(campaign), step)
    name = queue.campaign if queue else campaign.strip()
    waiting = queues.count_waiting(connection, queue) if queue else 0
    chosen = find_selected(connection, check_selection(connection, selection, linked_options)) if selection else []
    given = _known_ids(connection, customer_ids) if customer_ids else []
    for is_asked, found, what in ((selection, chosen, "meets the selection"), (customer_ids, given, "has a given id")):
        if is_asked and not found:
            rest = f" {waiting:,} wait there; push them without it." if waiting else ""
            raise NobodyWaitsError(f"No customer {what}, so nobody has entered '{name}'.{rest}")
    entering = tuple(dict.fromkeys((*given, *chosen)))
    if not entering and not waiting:
        _check_known(connection, queue, name, step)
    return Audience(name, step, entering, waiting, unknown_ids=len(set(customer_ids)) - len(given))


def find_audience_again(
    connection: Connection, campaign: str, step: str, which: str, of_run: int | None, owner: ClaimOwner, now: datetime
) -> Audience:
    """Return the customers of a retry: those whose last output was `which`, a run's own or any's.

    With *limit* also those who still wait, because a limit or a kill left open what became of them. Raises
    NobodyWaitsError for a campaign, an output or a run of which nothing is known.
    """
    queue = queues.find_queue(connection, _named(campaign), step)
    _check_known(connection, queue, campaign.strip(), step)
    queue = cast(Queue, queue)
    outputs = [Output.LIMIT, Output.ERROR, *read_error_codes(connection, queue)]
    output = same_name(which, outputs)
    if output is None:
        raise NobodyWaitsError(
            f"No customer has left '{queue.campaign}' by '{which.strip()}'{did_you_mean(which, outputs) or '.'} "
            f"To send again: {listed(outputs)}."
        )
    runs = read_output_runs(connection, queue)
    if of_run is not None and of_run not in runs:
        raise NobodyWaitsError(
            f"Run {of_run} has sent nobody of '{queue.campaign}'; runs so far: {listed(map(str, runs)) or 'none'}."
        )
    found = find_outputs(connection, queue, output, run=of_run)
    is_left = output == Output.LIMIT and of_run is None
    left = queues.find_left_behind(connection, queue, owner, now) if is_left else []
    return Audience(queue.campaign, step, tuple(found), queues.count_waiting(connection, queue), tuple(left))


def find_everybody(connection: Connection, audience: Audience, *, is_again: bool = False) -> list[int]:
    """Return all customers that a push, or a retry (`is_again`), would take on, each once."""
    queue = None if is_again else queues.find_queue(connection, audience.campaign, audience.step)
    waiting = queues.find_waiting(connection, queue) if queue else []
    return list(dict.fromkeys((*waiting, *audience.left_behind, *audience.entering)))


def _named(campaign: str) -> str:
    if not campaign.strip():
        raise ConfigurationError("The campaign has no name; give the one under which its customers wait.")
    return campaign


def _check_known(connection: Connection, queue: Queue | None, name: str, step: str) -> None:
    """Refuse a campaign, or a step of it, in which nobody has ever waited."""
    steps = queues.steps_with_members(connection, queue) if queue else []
    if step in steps:
        return
    if steps:
        raise NobodyWaitsError(
            f"Nobody waits in the step '{step}' of '{name}', and nobody ever has; its steps so far: {listed(steps)}."
        )
    known = queues.campaigns_with_members(connection)
    raise NobodyWaitsError(
        f"Nobody waits in '{name}', and nobody ever has; "
        + (f"campaigns so far: {listed(known)}." if known else "no campaign has had customers yet.")
    )


def _known_ids(connection: Connection, customer_ids: Collection[int]) -> list[int]:
    staged = stage_ids(connection, customer_ids)
    query = select(customer.c.id).join(staged, staged.c.customer_id == customer.c.id).order_by(customer.c.id)
    return list(connection.scalars(query))
