"""Making the next item while this one is used."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def prefetch_one(items: Iterator[T]) -> Iterator[T]:
    """Give the items in order; the next one is made in another thread meanwhile, and never more than that one."""
    nothing = object()
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, items, nothing)
        while (item := coming.result()) is not nothing:
            coming = thread.submit(next, items, nothing)
            yield item  # type: ignore[misc]  # it is not `nothing`, which mypy cannot see
