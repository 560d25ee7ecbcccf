"""Sends batches: halves what is refused down to the bad record, and matches answers by the identity, not by place."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from crm_sync.deployteq.customers import Customer, find_by, insert_or_update
from crm_sync.deployteq.transport import TIMED_OUT
from crm_sync.errors import DeployteqRefusedError, DeployteqUnavailableError, SyncError
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.records import Outgoing, parts

NOT_TAKEN = "not taken"
# Batches; after a kill so many are in doubt, and looked for one by one.
_KEPT_AT_ONCE = 20


@dataclass
class Sent:
    """What came back by customer id, and the codes of what was refused."""

    taken: dict[int, Customer] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    # Refused as a whole, or not done in time, and then taken in halves: it was too many at once.
    was_too_large: bool = False
    # Sent and not answered in time: Deployteq may be at work on them still.
    in_doubt: int = 0

    def add(self, other: "Sent") -> None:
        """Add what another part of the batch came to."""
        self.taken.update(other.taken)
        self.refused.update(other.refused)
        self.in_doubt += other.in_doubt


def send_groups(
    customers: Sequence[int],
    size: int,
    send_part: Callable[[list[int]], Sent],
    begin: Callable[[list[int]], object] = lambda _: None,
) -> Iterator[Sent]:
    """Send customers in batches, and yield what came back of several together: keeping it costs more than a call.

    `begin`: called with the customers of a group before its first call. What came before an error is yielded first.
    """
    for group in parts(customers, _KEPT_AT_ONCE * size):
        begin(group)
        sent, problem, done = Sent(), None, 0
        try:
            while done < len(group):
                part = send_part(group[done : done + size])
                sent.add(part)
                done += size
                if part.was_too_large:
                    size = max(1, size // 2)
        except SyncError as error:
            problem = error
        yield sent
        if problem:
            raise problem


def send(exchange: Exchange, batch: Sequence[Outgoing], *, may_repeat: bool) -> Sent:
    """Send a batch by the identity; what is refused as a whole, or takes too long, is halved.

    `may_repeat`: after no answer it is sent once more, which is right for what carries no consent. What may not be is
    left in doubt when it takes too long.
    """
    try:
        answers = _call(exchange, batch, may_repeat=may_repeat)
    except DeployteqRefusedError as refusal:
        if len(batch) == 1:
            return Sent(refused={batch[0].customer_id: refusal.code or ""})
        return _by_halves(exchange, batch, may_repeat=may_repeat)
    except DeployteqUnavailableError as error:
        if error.code != TIMED_OUT or len(batch) == 1:
            raise
        if not may_repeat:
            return Sent(was_too_large=True, in_doubt=len(batch))
        return _by_halves(exchange, batch, may_repeat=may_repeat)
    return _matched(exchange, batch, answers, may_repeat=may_repeat)


def _by_halves(exchange: Exchange, batch: Sequence[Outgoing], *, may_repeat: bool) -> Sent:
    middle = len(batch) // 2
    sent = send(exchange, batch[:middle], may_repeat=may_repeat)
    sent.add(send(exchange, batch[middle:], may_repeat=may_repeat))
    sent.was_too_large = not sent.refused
    return sent


def _call(exchange: Exchange, batch: Sequence[Outgoing], *, may_repeat: bool) -> list[Customer | None]:
    records = [one.record for one in batch]
    try:
        return insert_or_update(exchange.account, records, exchange.settings.unique)
    except DeployteqUnavailableError as error:
        if not may_repeat or (error.code == TIMED_OUT and len(batch) > 1):
            raise
    exchange.sleep(2.0)
    return insert_or_update(exchange.account, records, exchange.settings.unique)


def _matched(
    exchange: Exchange, batch: Sequence[Outgoing], answers: Sequence[Customer | None], *, may_repeat: bool
) -> Sent:
    unique = exchange.settings.unique
    by_identity: dict[str, list[Customer]] = {}
    for answer in answers:
        if answer is not None:
            by_identity.setdefault(unique.of(answer).lower(), []).append(answer)
    sent = Sent()
    for one in batch:
        found = _own(one, by_identity.get(one.identity.lower(), []))
        if found is not None:
            sent.taken[one.customer_id] = found
        elif len(batch) == 1:
            looked = [] if answers else find_by(exchange.account, unique, one.identity, exchange.sleep)
            if (there := _own(one, looked)) is not None:
                sent.taken[one.customer_id] = there
            else:
                sent.refused[one.customer_id] = NOT_TAKEN
        else:
            # Alone, it gets an answer of its own.
            sent.add(send(exchange, [one], may_repeat=may_repeat))
    return sent


def _own(one: Outgoing, answers: Iterable[Customer]) -> Customer | None:
    """Return the record that the customer is paired with, where several have its identity; else any of them."""
    return min(answers, key=lambda answer: answer.id != one.deployteq_id, default=None)
