"""The pace of Salesforce requests: one global concurrency limit that every flow on this Prefect server shares."""

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import rate_limit
from prefect.exceptions import ObjectNotFound

from crm_sync.salesforce.request_kinds import RequestKind

ALL_REQUESTS = "salesforce-api"
BULK_REQUESTS = "salesforce-api-bulk"

# (slots, slots given back per second). A limit with decay is a leaky bucket: in any hour up to
# slots + 3600 * decay requests pass, here 60 + 3528 = 3588 of the 3600 that the product promises.
LIMITS = {ALL_REQUESTS: (60, 0.98), BULK_REQUESTS: (40, 0.68)}


def take_turn(kind: RequestKind) -> None:
    """Wait until the next request may be made; bulk jobs also wait for their own, smaller share.

    Raises ConcurrencySlotAcquisitionError when Prefect cannot be asked: nothing passes unthrottled.
    """
    names = [ALL_REQUESTS, BULK_REQUESTS] if kind.is_bulk else [ALL_REQUESTS]
    rate_limit(names, occupy=1, strict=True)


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
