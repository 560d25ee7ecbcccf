"""The pace of Salesforce requests: one global concurrency limit that every flow on this Prefect server shares."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound

from crm_sync.errors import FatalError, RetriableError
from crm_sync.salesforce.request_kinds import RequestKind

ALL_REQUESTS = "salesforce-api"
BULK_REQUESTS = "salesforce-api-bulk"

# (slots, slots given back per second). A limit with decay is a leaky bucket: in any hour up to
# slots + 3600 * decay requests pass, here 60 + 3528 = 3588 of the 3600 that the product promises.
LIMITS = {ALL_REQUESTS: (60, 0.98), BULK_REQUESTS: (40, 0.68)}

_BUSY_TRIES = 100
_BUSY_SECONDS = 0.1


class _BusyError(Exception):
    """Prefect's server cannot write just now."""


@contextmanager
def open_throttle() -> Iterator[Callable[[RequestKind], None]]:
    """Give `take_turn`, over one connection to Prefect."""
    # Prefect's own `rate_limit` lets a request pass when only one of two limits is gone, and waits two seconds
    # whenever a server on SQLite is busy, which is at almost every request.
    with get_client(sync_client=True, httpx_settings={"event_hooks": {"response": [_raise_when_busy]}}) as client:
        yield partial(take_turn, client)


def take_turn(client: SyncPrefectClient, kind: RequestKind) -> None:
    """Wait until the next request may be made; bulk jobs also wait for their own, smaller share.

    Nothing passes unthrottled: raises FatalError when a limit is gone, RetriableError when Prefect cannot be asked.
    """
    names = [ALL_REQUESTS, BULK_REQUESTS] if kind.is_bulk else [ALL_REQUESTS]
    for _ in range(_BUSY_TRIES):
        with suppress(_BusyError):
            return _wait_for_slot(client, names)
        time.sleep(_BUSY_SECONDS * random.random())  # noqa: S311  # so that several runs do not meet again
    raise RetriableError("The Prefect server is too busy to give a turn for a Salesforce request; ask again later.")


def _raise_when_busy(response: httpx.Response) -> None:
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        raise _BusyError


def _wait_for_slot(client: SyncPrefectClient, names: list[str]) -> None:
    """Take a slot of each limit, after waiting as long as Prefect says."""
    while True:
        try:
            answer = client.increment_concurrency_slots(names, slots=1, mode="rate_limit")
        except httpx.HTTPStatusError as refusal:
            if refusal.response.status_code != httpx.codes.LOCKED:
                raise _unasked(f"HTTP {refusal.response.status_code}") from None
            time.sleep(float(refusal.response.headers["Retry-After"]))
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
    """Create the limits that do not exist, with their safe defaults, and return their names.

    A limit that somebody has set differently stays as it is.
    """
    created = []
    with get_client(sync_client=True) as client:
        for name, (slots, per_second) in LIMITS.items():
            try:
                client.read_global_concurrency_limit_by_name(name)
            except ObjectNotFound:
                client.upsert_global_concurrency_limit_by_name(name, limit=slots, slot_decay_per_second=per_second)
                created.append(name)
    return created
