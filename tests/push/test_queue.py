"""The queue of a campaign: nobody is taken twice and nobody is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import insert

from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from crm_sync.push.outputs_store import find_outputs, store_outputs
from crm_sync.push.queue_store import (
    CLAIM_LASTS,
    ClaimOwner,
    Queue,
    claim_members,
    count_waiting,
    enter_campaign,
    find_left_behind,
    open_queue,
    release_claims,
)
from crm_sync.runs.history_store import end_run, start_run

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
NOTHING = pd.DataFrame({"id": [], "field_values": []}, dtype="str")


class Campaign:
    """A campaign with customers who wait."""

    def __init__(self, database: CustomerDatabase, customers: int) -> None:
        """Make the customers and let all of them enter."""
        self.database = database
        row = {"options": {}, "created_at": NOW, "modified_at": NOW}
        with database.transaction() as connection:
            connection.execute(insert(customer), [row | {"unique_key": f"c{n}"} for n in range(customers)])
            self.entered = enter_campaign(connection, "spring", range(1, customers + 1), NOW)
            self.queue: Queue = open_queue(connection, "spring", "salesforce-synchronize", NOW)

    def owner(self, *, is_alive: Callable[[str], bool] = lambda _: True) -> ClaimOwner:
        """Start a run."""
        with self.database.transaction() as connection:
            return ClaimOwner(start_run(connection, "campaign_push", "org", None, NOW), "here 1 1", is_alive)

    def claim(self, owner: ClaimOwner, most: int = 100, now: datetime = NOW) -> pd.DataFrame:
        """Claim members."""
        with self.database.transaction() as connection:
            return claim_members(connection, self.queue, owner, now, most=most, entered_until=now)

    def store(self, owner: ClaimOwner, members: pd.DataFrame, output: str, code: str | None = None) -> list[int]:
        """Store one output for all of them."""
        texts = pd.DataFrame(
            {"output": output, "salesforce_id": None, "error_code": code, "error_message": None}, index=members.index
        )
        outputs = pd.concat([members, texts.astype("str")], axis=1)
        with self.database.transaction() as connection:
            return store_outputs(connection, self.queue, outputs, NOTHING, run=owner.run, now=NOW)

    def end(self, owner: ClaimOwner, state: str) -> None:
        """End a run."""
        with self.database.transaction() as connection:
            end_run(connection, owner.run, state=state, counts={}, requests_used=0, now=NOW)


@pytest.fixture
def campaign(database: CustomerDatabase) -> Campaign:
    """Give a campaign of five, on both kinds of database."""
    return Campaign(database, 5)


def test_customers_enter_once_while_they_wait_and_again_afterwards(campaign: Campaign) -> None:
    with campaign.database.transaction() as connection:
        assert campaign.entered == 5
        assert enter_campaign(connection, "spring", [1, 2, 2, 99], NOW) == 0
    owner = campaign.owner()
    campaign.store(owner, campaign.claim(owner), "success")
    with campaign.database.transaction() as connection:
        assert enter_campaign(connection, "spring", [1, 2, 2, 99], NOW) == 2
        assert count_waiting(connection, campaign.queue) == 2


def test_claims_are_disjoint_while_their_runs_are_at_work(campaign: Campaign) -> None:
    first, second = campaign.owner(), campaign.owner()

    taken = [set(campaign.claim(owner, most)["customer_id"]) for owner, most in ((first, 2), (second, 100))]

    assert taken == [{1, 2}, {3, 4, 5}]
    assert campaign.claim(first).empty


def test_owners_that_claim_at_the_same_time_share_the_queue(database: CustomerDatabase) -> None:
    campaign = Campaign(database, 200)
    owners = [campaign.owner() for _ in range(4)]

    def take_all(owner: ClaimOwner) -> list[int]:
        mine: list[int] = []
        while len(some := campaign.claim(owner, 7)):
            mine += list(some["customer_id"])
        return mine

    with ThreadPoolExecutor(4) as threads:
        taken = [one for part in threads.map(take_all, owners) for one in part]

    # Who was locked by another at that moment is passed over, and is there for the next claim.
    taken += take_all(owners[0])
    assert sorted(taken) == list(range(1, 201))


def test_claim_ends_with_its_run(campaign: Campaign) -> None:
    first = campaign.owner()
    campaign.claim(first)
    campaign.end(first, "Failed")
    assert len(campaign.claim(campaign.owner())) == 5


def test_who_was_left_behind_by_a_run_is_found(campaign: Campaign) -> None:
    first, second = campaign.owner(), campaign.owner()
    campaign.claim(first, 2)
    with campaign.database.transaction() as connection:
        assert find_left_behind(connection, campaign.queue, second, NOW) == []
    campaign.end(first, "CutByLimit")
    with campaign.database.transaction() as connection:
        assert find_left_behind(connection, campaign.queue, second, NOW) == [1, 2]


def test_claim_ends_with_its_process(campaign: Campaign) -> None:
    campaign.claim(campaign.owner())
    assert campaign.claim(campaign.owner()).empty
    assert len(campaign.claim(campaign.owner(is_alive=lambda _: False))) == 5


def test_claim_ends_when_nobody_renews_it(campaign: Campaign) -> None:
    campaign.claim(campaign.owner())
    assert campaign.claim(campaign.owner(), now=NOW + CLAIM_LASTS).empty
    assert len(campaign.claim(campaign.owner(), now=NOW + CLAIM_LASTS + timedelta(seconds=1))) == 5


def test_member_that_was_taken_over_keeps_the_output_of_its_new_run(campaign: Campaign) -> None:
    slow, quick = campaign.owner(), campaign.owner(is_alive=lambda _: False)
    members = campaign.claim(slow)
    campaign.claim(quick, most=2)

    assert len(campaign.store(quick, members.head(2), "success")) == 2
    assert len(campaign.store(slow, members, "error")) == 3


def test_released_members_wait_again(campaign: Campaign) -> None:
    owner = campaign.owner()
    campaign.claim(owner)
    with campaign.database.transaction() as connection:
        release_claims(connection, owner.run)
    assert len(campaign.claim(campaign.owner())) == 5


def test_outputs_are_found_by_what_they_were_last(campaign: Campaign) -> None:
    owner = campaign.owner()
    campaign.store(owner, campaign.claim(owner, 2), "limit")
    campaign.store(owner, campaign.claim(owner, 2), "error", "UNABLE_TO_LOCK_ROW")
    with campaign.database.transaction() as connection:
        enter_campaign(connection, "spring", [1], NOW)
    later = campaign.owner()
    campaign.store(later, campaign.claim(later), "success")

    with campaign.database.transaction() as connection:
        assert find_outputs(connection, campaign.queue, "limit") == [2]
        assert sorted(find_outputs(connection, campaign.queue, "UNABLE_TO_LOCK_ROW")) == [3, 4]
        assert sorted(find_outputs(connection, campaign.queue, "error", run=owner.run)) == [3, 4]
        assert find_outputs(connection, campaign.queue, "error", run=later.run) == []
