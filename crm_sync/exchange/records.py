"""A customer as a call takes it: the values to be written, with its identity."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_sync.deployteq.customers import UniqueField
from crm_sync.exchange.values import as_call


@dataclass(frozen=True)
class Outgoing:
    """A customer's values as a call takes them, with its identity there, and its number there if it has one."""

    customer_id: int
    identity: str
    record: Mapping[str, Any]
    deployteq_id: int | None = None


def outgoing(
    unique: UniqueField,
    customer_id: int,
    identity: str,
    values: Mapping[str, str],
    *,
    number: int | None = None,
    clears_with: str | None = "",
) -> Outgoing:
    """Return a customer's values as a call takes them; `clears_with`: what an empty one is sent as."""
    record = as_call(values, clears_with=clears_with)
    if unique.is_option:
        whole = {**record, "options": {**record.get("options", {}), unique.name: identity}}
    else:
        whole = {**record, unique.name: identity}
    return Outgoing(customer_id, identity, whole, number)


def parts(customers: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield customers in batches."""
    for start in range(0, len(customers), size):
        yield [int(one) for one in customers[start : start + size]]
