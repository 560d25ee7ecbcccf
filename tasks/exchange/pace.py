"""The pace of calls to Deployteq: one limit that all flows on this Prefect server share, and that gives way."""

from collections.abc import Callable
from contextlib import suppress

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from tasks.log import run_logger
from tasks.run.throttle import SLOTS_PER_REQUEST

ALL_CALLS = "deployteq-api"
_AT_ONCE = 2
# After Deployteq has said that calls come too fast: half of it, and a quarter more with each run.
_HALF, _RECOVERY, _SLOWEST = 0.5, 1.25, 0.1


def set_pace(client: SyncPrefectClient, per_second: float) -> float:
    """Make the limit, or let it recover; returns the calls a second that pass."""
    try:
        found = client.read_global_concurrency_limit_by_name(ALL_CALLS)
    except ObjectNotFound:
        with suppress(ObjectAlreadyExists):
            client.upsert_global_concurrency_limit_by_name(
                ALL_CALLS, limit=_AT_ONCE * SLOTS_PER_REQUEST, slot_decay_per_second=per_second * SLOTS_PER_REQUEST
            )
        return per_second
    now = min(found.slot_decay_per_second / SLOTS_PER_REQUEST * _RECOVERY, per_second)
    _update(client, max(now, _SLOWEST))
    return max(now, _SLOWEST)


def give_way(client: SyncPrefectClient, sleep: Callable[[float], None]) -> Callable[[float], None]:
    """Give the function that halves the pace of all flows, and waits as long as Deployteq wants."""

    def slow_down(seconds: float) -> None:
        found = client.read_global_concurrency_limit_by_name(ALL_CALLS)
        now = max(found.slot_decay_per_second / SLOTS_PER_REQUEST * _HALF, _SLOWEST)
        _update(client, now)
        run_logger().warning(
            "Deployteq says that calls come too fast: none for %.0f s, then %.1f a second.", seconds, now
        )
        sleep(seconds)

    return slow_down


def _update(client: SyncPrefectClient, per_second: float) -> None:
    client.update_global_concurrency_limit(
        ALL_CALLS,
        GlobalConcurrencyLimitUpdate(
            limit=_AT_ONCE * SLOTS_PER_REQUEST, slot_decay_per_second=per_second * SLOTS_PER_REQUEST, active=True
        ),
    )
