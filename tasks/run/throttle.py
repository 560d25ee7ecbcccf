"""The pace of Salesforce requests: one global concurrency limit that every flow on this Prefect server shares."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from crm_sync.budget.rules import BACKGROUND
from crm_sync.errors import FatalError, PrefectBusyError, RetriableError
from tasks.run.waiting import Waiting

ALL_REQUESTS = "salesforce-api"
BULK_REQUESTS = "salesforce-api-bulk"

# Prefect drops the fraction of a slot at every turn. In hundredths of a request that is half a percent; in whole
# requests it was up to a quarter.
SLOTS_PER_REQUEST = 100

# (slots, slots given back per second). A limit with decay is a leaky bucket: in any hour up to
# slots + 3600 * decay pass, here 60 + 3528 = 3588 of the 3600 requests that the product promises. What works in the
# background leaves a little, so that the other flows find 40 turns ready at any moment.
LIMITS = {
    ALL_REQUESTS: (60 * SLOTS_PER_REQUEST, 0.98 * SLOTS_PER_REQUEST),
    BULK_REQUESTS: (20 * SLOTS_PER_REQUEST, 0.96 * SLOTS_PER_REQUEST),
}

# What the product promises: requests in an hour, and the seconds of one.
_PROMISE, _HOUR = 3600, 3600
_BUSY_TRIES = 100
_BUSY_SECONDS = 0.1


@contextmanager
def open_throttle(flow: str = "") -> Iterator[Callable[[], None]]:
    """Give the function that waits for a turn of `flow`, over one connection to Prefect."""
    names = [ALL_REQUESTS, BULK_REQUESTS] if flow in BACKGROUND else [ALL_REQUESTS]
    # Prefect's own `rate_limit` lets a request pass when only one of two limits is gone, and waits two seconds
    # whenever a server on SQLite is busy, which is at almost every request.
    with get_client(sync_client=True, httpx_settings={"event_hooks": {"response": [_raise_when_busy]}}) as client:
        yield partial(take_turn, client, names)


def take_turn(client: SyncPrefectClient, names: list[str]) -> None:
    """Wait until the next request may be made; work in the background also waits for its own, smaller share.

    Nothing passes unthrottled: raises FatalError when a limit is gone, RetriableError when Prefect cannot be asked.
    """
    waiting = Waiting("a Prefect server that is too busy to give a turn")
    for _ in range(_BUSY_TRIES):
        with suppress(PrefectBusyError):
            return _wait_for_slot(client, names)
        waiting.sleep(_BUSY_SECONDS * random.random())  # noqa: S311  # so that several runs do not meet again
    raise PrefectBusyError("The Prefect server is too busy to give a turn for a Salesforce request; ask again later.")


def _raise_when_busy(response: httpx.Response) -> None:
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        raise PrefectBusyError("The Prefect server is too busy to answer.")


def _wait_for_slot(client: SyncPrefectClient, names: list[str]) -> None:
    """Take the slots of a request from each limit, after waiting as long as Prefect says."""
    waiting = Waiting("a turn: all flows together have made as many requests as the pace allows")
    while True:
        try:
            answer = client.increment_concurrency_slots(names, slots=SLOTS_PER_REQUEST, mode="rate_limit")
        except httpx.HTTPStatusError as refusal:
            if refusal.response.status_code != httpx.codes.LOCKED:
                raise _unasked(f"HTTP {refusal.response.status_code}") from None
            waiting.sleep(float(refusal.response.headers["Retry-After"]))
            continue
        except httpx.TransportError as problem:
            raise _unasked(type(problem).__name__) from None
        gone = set(names) - {limit["name"] for limit in answer.json()}
        if gone:
            raise FatalError(
                f"The concurrency limit {' and '.join(sorted(gone))} is gone, and nothing is sent without it; "
                "start the run again, which makes it anew."
            )
        return


def _unasked(reason: str) -> RetriableError:
    return RetriableError(
        f"Prefect could not be asked for a turn ({reason}), and nothing is sent without one; check the Prefect server.",
        code=reason,
    )


def create_missing_limits() -> list[str]:
    """Create the limits that do not exist, with their safe defaults, and return their names."""
    with get_client(sync_client=True) as client:
        return [name for name in LIMITS if _read_limit(client, name) is None and _is_created(client, name)]


def mend_limits() -> list[str]:
    """Make limits that are missing, mend those that hold nothing back or let nothing pass; returns the warnings.

    A limit that is only slower stays. One that is faster than the promise stays too, with a warning: the ledger in the
    customer database refuses what is too much.
    """
    said = []
    with get_client(sync_client=True) as client:
        for name, (slots, per_second) in LIMITS.items():
            found = _read_limit(client, name)
            if found is None:
                if _is_created(client, name):
                    said.append(f"The concurrency limit {name} did not exist; it was created with its default.")
                continue
            if not found.active:
                client.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(active=True))
                said.append(f"The concurrency limit {name} was switched off, so nothing was held back; it is on again.")
            if found.limit < SLOTS_PER_REQUEST or found.slot_decay_per_second <= 0:
                _set_default(client, name)
                said.append(
                    f"The concurrency limit {name} of {found.limit} slots, with {found.slot_decay_per_second:g} given "
                    f"back a second, lets nothing pass, since a request takes {SLOTS_PER_REQUEST} slots; it has its "
                    f"default again, {slots} and {per_second:g}."
                )
            elif found.limit + _HOUR * found.slot_decay_per_second > _PROMISE * SLOTS_PER_REQUEST:
                said.append(
                    f"The concurrency limit {name} lets more than {_PROMISE:,} requests pass in an hour; the ledger "
                    f"refuses the rest. Set it to {slots} slots, with {per_second:g} given back a second."
                )
    return said


def _read_limit(client: SyncPrefectClient, name: str) -> GlobalConcurrencyLimitResponse | None:
    with suppress(ObjectNotFound):
        return client.read_global_concurrency_limit_by_name(name)
    return None


def _is_created(client: SyncPrefectClient, name: str) -> bool:
    with suppress(ObjectAlreadyExists):  # by another run, in this very moment
        _set_default(client, name)
        return True
    return False


def _set_default(client: SyncPrefectClient, name: str) -> None:
    slots, per_second = LIMITS[name]
    client.upsert_global_concurrency_limit_by_name(name, limit=slots, slot_decay_per_second=per_second)
