"""A Deployteq account: the token, the transport, and what becomes of a fault."""

from datetime import datetime, timedelta
from typing import Any, Protocol

from crm_sync.deployteq.envelope import Fault, build_call, read_answer
from crm_sync.deployteq.transport import Transport, token_refused
from crm_sync.errors import DeployteqRefusedError
from crm_sync.requests import RequestKind

UNKNOWN_TOKEN, ALREADY_DONE, NOT_FOUND = "202", "107", "213"
# Beyond this, the page shows that the clocks differ.
CLOCK_TOLERANCE = timedelta(minutes=2)


class ResourceKeeper(Protocol):
    """Keeps which results are in use in Deployteq, beyond the end of this process."""

    def hold(self, number: int) -> None:
        """Keep that a result is in use."""
        ...

    def release(self, number: int, *, is_freed: bool) -> None:
        """Forget a result that is freed, or keep that it has to be."""
        ...


class DeployteqAccount:
    """Sends calls with the token of a brand."""

    def __init__(
        self, token: str, transport: Transport, *, brand: str, resources: ResourceKeeper | None = None
    ) -> None:
        """Keep the parts; nothing is sent before the first call."""
        self.resources = resources
        self._token = token
        self._transport = transport
        self.brand = brand
        # Fields of Customer that came in an answer and are not known here; they are left alone, and reported once.
        self.unknown_fields: set[str] = set()
        self.answered_at: datetime | None = None
        self.calls = 0

    def call(self, operation: str, kind: RequestKind = RequestKind.QUERY, **arguments: Any) -> Any:
        """Return the element `msg` of the answer.

        Raises ConfigurationError for a token that Deployteq does not take, DeployteqRefusedError for any other fault,
        DeployteqUnavailableError when there is no complete answer.
        """
        body = build_call(operation, self._token, arguments)
        self.calls += 1
        reply = self._transport.send(kind, body)
        self.answered_at = reply.at
        answer = read_answer(reply.body)
        if isinstance(answer, Fault):
            raise self._refusal(operation, answer)
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _refusal(self, operation: str, fault: Fault) -> Exception:
        if fault.code == UNKNOWN_TOKEN:
            return token_refused(fault.code)
        # The fault's text may quote people's data, or the token: only its number goes on.
        return DeployteqRefusedError(f"Deployteq refused {operation} ({fault.code}).", code=fault.code)
