"""Nothing is sent to Salesforce but through the limit that all flows share."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse
from prefect.settings import PREFECT_API_URL, temporary_settings

from crm_sync.errors import FatalError, RetriableError
from tasks.run.throttle import (
    ALL_REQUESTS,
    BULK_REQUESTS,
    LIMITS,
    SLOTS_PER_REQUEST,
    create_missing_limits,
    mend_limits,
    open_throttle,
)
from tests.rigs.org import Rig

pytestmark = pytest.mark.flow


@pytest.fixture
def prefect() -> Iterator[SyncPrefectClient]:
    """Give a client of the server; the limits are there again for the next test."""
    with get_client(sync_client=True) as client:
        yield client
        create_missing_limits()


def _delete(prefect: SyncPrefectClient, *names: str) -> None:
    for name in names:
        prefect.delete_global_concurrency_limit_by_name(name)


def _limit(prefect: SyncPrefectClient, name: str) -> GlobalConcurrencyLimitResponse:
    return prefect.read_global_concurrency_limit_by_name(name)


def test_missing_limits_are_created_and_said(
    rig: Rig, prefect: SyncPrefectClient, caplog: pytest.LogCaptureFixture
) -> None:
    _delete(prefect, *LIMITS)

    rig.sync()

    for name, (slots, per_second) in LIMITS.items():
        made = _limit(prefect, name)
        assert (made.limit, made.slot_decay_per_second) == (slots, per_second)
        assert f"The concurrency limit {name} did not exist" in caplog.text


def test_defaults_keep_the_promise_of_3600_requests_an_hour() -> None:
    for slots, per_second in LIMITS.values():
        assert slots + 3600 * per_second <= 3600 * SLOTS_PER_REQUEST


def test_work_in_the_background_uses_nearly_all_and_leaves_turns_ready_for_the_others() -> None:
    every, background = LIMITS[ALL_REQUESTS], LIMITS[BULK_REQUESTS]
    # A turn loses half a slot on average.
    assert background[1] * (1 - 0.5 / SLOTS_PER_REQUEST) >= 0.95 * SLOTS_PER_REQUEST
    assert background[1] < every[1] * (1 - 0.5 / SLOTS_PER_REQUEST)
    assert every[0] - background[0] >= 40 * SLOTS_PER_REQUEST


def test_limit_that_somebody_has_set_stays(prefect: SyncPrefectClient) -> None:
    prefect.upsert_global_concurrency_limit_by_name(ALL_REQUESTS, limit=700, slot_decay_per_second=50)

    assert create_missing_limits() == []

    assert _limit(prefect, ALL_REQUESTS).limit == 700


@pytest.mark.parametrize("name", LIMITS)
def test_limit_that_was_switched_off_is_on_again_and_said(prefect: SyncPrefectClient, name: str) -> None:
    create_missing_limits()
    prefect.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(active=False))
    (said,) = [one for one in mend_limits() if "switched off" in one]
    assert name in said
    assert prefect.read_global_concurrency_limit_by_name(name).active
    assert not [one for one in mend_limits() if "switched off" in one]


@pytest.mark.parametrize(("slots", "per_second"), [(50, 98.0), (99, 1.0), (6000, 0.0)])
def test_limit_that_lets_nothing_pass_has_its_default_again_and_never_more(
    prefect: SyncPrefectClient, slots: int, per_second: float
) -> None:
    prefect.upsert_global_concurrency_limit_by_name(ALL_REQUESTS, limit=slots, slot_decay_per_second=per_second)
    assert any("lets nothing pass" in one for one in mend_limits())
    limit = prefect.read_global_concurrency_limit_by_name(ALL_REQUESTS)
    assert (limit.limit, limit.slot_decay_per_second) == LIMITS[ALL_REQUESTS]


def test_limit_above_the_promise_is_said_and_one_below_it_is_not(prefect: SyncPrefectClient) -> None:
    for slots, is_said in ((6000, False), (360_000, True), (3000, False)):
        prefect.upsert_global_concurrency_limit_by_name(ALL_REQUESTS, limit=slots, slot_decay_per_second=98.0)
        assert any("more than 3,600 requests" in one and f"{ALL_REQUESTS} " in one for one in mend_limits()) is is_said


def test_every_request_takes_a_slot(rig: Rig, prefect: SyncPrefectClient) -> None:
    _delete(prefect, *LIMITS)
    for name in LIMITS:
        # So slow that no slot comes back during the test.
        prefect.create_global_concurrency_limit(
            GlobalConcurrencyLimitCreate(name=name, limit=100_000, slot_decay_per_second=1e-6)
        )

    summary = rig.sync()

    requests = len(rig.org.requests)
    assert summary.requests_used == requests
    assert _limit(prefect, ALL_REQUESTS).active_slots == requests * SLOTS_PER_REQUEST
    # A full sync works in the background.
    assert _limit(prefect, BULK_REQUESTS).active_slots == requests * SLOTS_PER_REQUEST


def test_flow_that_people_wait_for_takes_none_of_the_turns_of_the_background(prefect: SyncPrefectClient) -> None:
    _delete(prefect, BULK_REQUESTS)

    with open_throttle("incremental_pull") as take_turn:
        take_turn()


@pytest.mark.parametrize("gone", [[ALL_REQUESTS], [BULK_REQUESTS], [ALL_REQUESTS, BULK_REQUESTS]])
def test_no_turn_without_every_limit(prefect: SyncPrefectClient, gone: list[str]) -> None:
    _delete(prefect, *gone)

    with open_throttle("contact_moment_export") as take_turn, pytest.raises(FatalError, match=gone[0]):
        take_turn()


class _DeletingClock:
    """Deletes the limit when the org has been asked for two Bulk jobs."""

    def __init__(self, rig: Rig, prefect: SyncPrefectClient) -> None:
        self._rig, self._prefect, self._is_due = rig, prefect, True

    def __call__(self) -> datetime:
        if self._is_due and self._rig.requests()[-2:] == ["bulk_jobs"] * 2:
            self._is_due = False
            _delete(self._prefect, ALL_REQUESTS)
        return self._rig.clock()


def test_limit_deleted_during_a_run_stops_it_and_the_next_goes_on(rig: Rig, prefect: SyncPrefectClient) -> None:
    rig.org.clock = _DeletingClock(rig, prefect)

    state = rig.state()

    rig.org.clock = rig.clock

    assert (state.name, state.is_failed()) == ("Failed", True)
    assert f"{ALL_REQUESTS} is gone" in str(state.message)
    assert rig.requests() == ["login", "describe", "describe", "record_count", "bulk_jobs", "bulk_jobs"]
    assert rig.sync().resumed == ["Contact", "Lead"]


def test_no_turn_without_prefect() -> None:
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        open_throttle() as take_turn,
        pytest.raises(RetriableError, match="nothing is sent without one"),
    ):
        take_turn()
