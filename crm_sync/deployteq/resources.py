"""Large results: the call gives a number, which is asked until it is ready, read in pages, and always freed."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from crm_sync.deployteq.account import DeployteqAccount
from crm_sync.deployteq.envelope import read_number, read_record
from crm_sync.deployteq.limits import FIRST_PAUSE, LONGEST_PAUSE, LONGEST_WAIT, PAGE
from crm_sync.errors import DeployteqRefusedError, DeployteqUnavailableError, SyncError
from crm_sync.requests import RequestKind

_READY, _PROCESSING = "READY", "PROCESSING"


class _Record(Protocol):
    @property
    def id(self) -> int: ...


SomeRecord = TypeVar("SomeRecord", bound=_Record)


def read_pages(
    account: DeployteqAccount,
    operation: str,
    sleep: Callable[[float], None],
    read: Callable[[Any], SomeRecord],
    **arguments: Any,
) -> Iterator[list[SomeRecord]]:
    """Yield the customers of a result, page by page; `read`: makes one of its element.

    A result that fails, ends, or is never ready is asked for anew once; then DeployteqUnavailableError is raised.
    """
    number, size = _ready(account, operation, sleep, arguments)
    seen: dict[int, int] = {}
    try:
        for offset in range(0, size, PAGE):
            yield _page(account, number, offset, min(PAGE, size - offset), seen, read)
    finally:
        free(account, number)


def _page(
    account: DeployteqAccount,
    number: int,
    offset: int,
    expected: int,
    seen: dict[int, int],
    read: Callable[[Any], SomeRecord],
) -> list[SomeRecord]:
    """Return a page; where rows are missing, or came before, it is read once more: what is missing must not look
    deleted."""
    for _ in range(2):
        answer = account.call("customerSet_getCustomers", resourceId=number, offset=offset, size=expected)
        page = [read(one) for one in answer]
        ids = {one.id for one in page}
        if len(page) == len(ids) == expected and _note_new(seen, ids):
            return page
    raise DeployteqUnavailableError(
        "Deployteq gave a page with fewer customers than it had named, or with some of a page before, twice; the next "
        "run reads it again."
    )


def _note_new(seen: dict[int, int], ids: set[int]) -> bool:
    """Note ids, and tell whether none of them came before.

    Of ids in a row, a thousand are one number's bits: a set of a million would take seventy megabytes.
    """
    if any(seen.get(one >> 10, 0) >> (one & 1023) & 1 for one in ids):
        return False
    for one in ids:
        seen[one >> 10] = seen.get(one >> 10, 0) | 1 << (one & 1023)
    return True


def _ready(
    account: DeployteqAccount, operation: str, sleep: Callable[[float], None], arguments: dict[str, Any]
) -> tuple[int, int]:
    status = ""
    for _ in range(2):
        number = read_number(account.call(operation, **arguments))
        if account.resources:
            account.resources.hold(number)
        status, size = "", 0
        try:
            status, size = _awaited(account, number, sleep)
        finally:
            if status != _READY:
                free(account, number)
        if status == _READY:
            return number, size
    raise DeployteqUnavailableError(
        f"Deployteq did not get the result of {operation} ready ({status}); the next run asks again.", code=status
    )


def _awaited(account: DeployteqAccount, number: int, sleep: Callable[[float], None]) -> tuple[str, int]:
    pause, waited = FIRST_PAUSE, 0.0
    while True:
        try:
            found = read_record(account.call("resource_getById", RequestKind.BULK_POLL, resourceId=number))
        except DeployteqRefusedError:
            return "gone", 0
        if found.get("status") != _PROCESSING or waited >= LONGEST_WAIT:
            return found.get("status", ""), int(found.get("size") or 0)
        sleep(pause)
        waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE)


def free(account: DeployteqAccount, number: int) -> None:
    """Free a result; one that cannot be freed now is kept for a later run. What went wrong before is the news."""
    is_freed = True
    try:
        account.call("resource_free", RequestKind.OTHER, resourceId=number)
    except DeployteqRefusedError:
        pass  # it is gone
    except SyncError:
        is_freed = False
    if account.resources:
        account.resources.release(number, is_freed=is_freed)
