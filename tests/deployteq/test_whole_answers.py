"""An answer of Deployteq has an end, in time and in size."""

import gzip
from datetime import UTC, datetime

import pytest

from crm_sync.deployteq.host import endpoint
from crm_sync.deployteq.limits import VERSION
from crm_sync.deployteq.transport import TIMED_OUT, TOO_LARGE, Transport
from crm_sync.errors import DeployteqUnavailableError
from crm_sync.requests import RequestKind
from tests.deployteq.conftest import Counter
from tests.rigs.drips import DRIPS, OK, dripping, read_late, serving


def _transport(url: str, ledger: Counter, longest_answer: float = 0.3) -> Transport:
    return Transport(
        endpoint("secure.myclang.com", VERSION),
        throttle=lambda: None,
        ledger=ledger,
        clock=lambda: datetime.now(UTC),
        endpoint_url=url,
        longest_connect=0.3,
        longest_answer=longest_answer,
    )


@pytest.mark.parametrize(("parts", "drip"), DRIPS)
def test_answer_that_does_not_end_is_given_up(parts: tuple[bytes, ...], drip: bytes) -> None:
    ledger = Counter()
    with serving(dripping(*parts, drip=drip)) as url:
        transport = _transport(url, ledger)
        with pytest.raises(DeployteqUnavailableError) as raised:
            transport.send(RequestKind.QUERY, b"<a/>")
        transport.close()
    assert (raised.value.code, ledger.statuses) == (TIMED_OUT, [0])


def test_call_that_is_not_taken_is_given_up() -> None:
    with serving(read_late) as url:
        transport = _transport(url, Counter())
        with pytest.raises(DeployteqUnavailableError) as raised:
            transport.send(RequestKind.QUERY, bytes(20_000_000))
        transport.close()
    assert raised.value.code == TIMED_OUT


def test_small_answer_that_unpacks_to_a_huge_one_is_given_up() -> None:
    bomb, ledger = gzip.compress(bytes(40 << 20), compresslevel=1), Counter()
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with serving(dripping(head, bomb)) as url:
        transport = _transport(url, ledger, longest_answer=60)
        with pytest.raises(DeployteqUnavailableError) as raised:
            transport.send(RequestKind.QUERY, b"<a/>")
        transport.close()
    assert (raised.value.code, ledger.statuses) == (TOO_LARGE, [0])
