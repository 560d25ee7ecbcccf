"""Large results: the call gives a number, which is asked until it is ready, read in pages, and always freed."""

from collections.abc import Callable, Iterator
from typing import Any

from crm_sync.deployteq.account import DeployteqAccount
from crm_sync.deployteq.envelope import read_record
from crm_sync.deployteq.limits import FIRST_PAUSE, LONGEST_PAUSE, LONGEST_WAIT, PAGE
from crm_sync.deployteq.operations import TNS
from crm_sync.errors import DeployteqRefusedError, DeployteqUnavailableError, SyncError
from crm_sync.requests import RequestKind

_READY, _PROCESSING = "READY", "PROCESSING"


def read_pages(
    account: DeployteqAccount, operation: str, sleep: Callable[[float], None], **arguments: Any
) -> Iterator[list[Any]]:
    """Yield the customer elements of a result, page by page.

    A result that fails, ends, or is never ready is asked for anew once; then DeployteqUnavailableError is raised.
    """
    number, size = _ready(account, operation, sleep, arguments)
    seen: set[int] = set()
    try:
        for offset in range(0, size, PAGE):
            yield _page(account, number, offset, min(PAGE, size - offset), seen)
    finally:
        free(account, number)


def _page(account: DeployteqAccount, number: int, offset: int, expected: int, seen: set[int]) -> list[Any]:
    """Return a page; where rows are missing, or came before, it is read once more: what is missing must not look
    deleted."""
    for _ in range(2):
        page = list(account.call("customerSet_getCustomers", resourceId=number, offset=offset, size=expected))
        ids = {int(one.findtext(f"{{{TNS}}}id") or 0) for one in page}
        if len(page) == expected and seen.isdisjoint(ids):
            seen |= ids
            return page
    raise DeployteqUnavailableError(
        "Deployteq gave a page with fewer customers than it had named, or with some of a page before, twice; the next "
        "run reads it again."
    )


def _ready(
    account: DeployteqAccount, operation: str, sleep: Callable[[float], None], arguments: dict[str, Any]
) -> tuple[int, int]:
    status = ""
    for _ in range(2):
        number = int(account.call(operation, **arguments).text or 0)
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
