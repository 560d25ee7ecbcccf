"""Merged and converted records, in whatever order and batches they arrive."""

from itertools import permutations

import pytest

from crm_sync.database.engine import CustomerDatabase
from crm_sync.mapping.model import FieldLink, MappingRules, ObjectMapping
from crm_sync.moments.record_store import record_moments
from tests.rigs.story import Record, Story

_MASTER, _LOSER = "ada@x.org", "ada@old.org"


def _merged(story: Story, number: int, email: str, into: int, at: int = 5) -> Record:
    gone = story.contact(number, email, at=at, IsDeleted="true")
    return gone | {"MasterRecordId": story.contact(into, None)["Id"]}


def _merged_into(story: Story) -> dict[str, str | None]:
    """Return for each customer the key of the one it was merged into."""
    customers = story.customers()
    keys = {row["id"]: key for key, row in customers.items()}
    return {key: keys.get(row["merged_into_customer_id"]) for key, row in customers.items()}


# The SQL differs by database, the orders do not.
ORDERS = [("sqlite", order) for order in permutations(range(4))] + [("postgresql", (3, 1, 0, 2))]


@pytest.mark.parametrize(("database_url", "order"), ORDERS, indirect=["database_url"])
def test_loser_is_merged_in_whatever_order(story: Story, order: tuple[int, ...]) -> None:
    loser = story.contact(2, _LOSER)
    events = [
        [story.contact(1, _MASTER), loser],
        [_merged(story, 2, _LOSER, into=1)],
        [story.contact(1, _MASTER, at=5)],
        [loser],
    ]
    for event in order:
        story.land(*events[event])

    if order.index(1) < min(order.index(0), order.index(3)):
        assert _merged_into(story) == {_MASTER: None}, "a record that was never seen alive makes no customer"
        return
    assert _merged_into(story) == {_MASTER: None, _LOSER: _MASTER}
    assert story.customer(_LOSER)["mail_status"] == "INACTIVE"
    assert story.customer(_LOSER)["deleted_in_salesforce_at"] is not None


def test_loser_whose_address_changed_just_before_is_merged_into(story: Story) -> None:
    story.land(story.contact(1, _MASTER), story.contact(2, "ada@older.org"))

    story.land(_merged(story, 2, _LOSER, into=1), story.contact(1, _MASTER, at=5))

    assert _merged_into(story) == {_MASTER: None, _LOSER: _MASTER}
    assert story.customer(_LOSER)["mail_status"] == "INACTIVE"


def test_loser_with_the_same_address_changes_nothing(story: Story) -> None:
    story.land(story.contact(1, _MASTER), story.contact(2, _MASTER, at=1))
    before = story.customer(_MASTER)["id"]

    story.land(_merged(story, 2, _MASTER, into=1), story.contact(1, _MASTER, at=5))

    assert (story.customer(_MASTER)["id"], _merged_into(story)) == (before, {_MASTER: None})


def test_customer_with_another_live_record_is_not_merged_into(story: Story) -> None:
    story.land(story.contact(1, _MASTER), story.contact(2, _LOSER), story.contact(3, _LOSER))

    story.land(_merged(story, 2, _LOSER, into=1))
    assert _merged_into(story) == {_MASTER: None, _LOSER: None}

    story.land(story.contact(3, _LOSER, at=9, IsDeleted="true"))
    assert _merged_into(story) == {_MASTER: None, _LOSER: _MASTER}


def test_undeleted_loser_is_a_customer_of_its_own_again(story: Story) -> None:
    story.land(story.contact(1, _MASTER), story.contact(2, _LOSER))
    story.land(_merged(story, 2, _LOSER, into=1))

    story.land(story.contact(2, _LOSER, at=9))

    assert _merged_into(story) == {_MASTER: None, _LOSER: None}
    back = story.customer(_LOSER)
    assert (back["mail_status"], back["deleted_in_salesforce_at"]) == (None, None)


def test_hard_bounce_of_a_customer_who_is_gone_is_still_known_when_it_is_back(
    story: Story, database: CustomerDatabase
) -> None:
    story.land(story.contact(1, _MASTER), story.contact(2, _LOSER))
    story.land(_merged(story, 2, _LOSER, into=1))
    sent = {"moment_id": "m1", "customer_id": story.customer(_LOSER)["id"], "sent_at": story.now}
    record_moments(database, [{**sent, "bounced_at": story.now, "bounce_category": "hard"}], story.now)

    story.land(story.contact(2, _LOSER, at=9))

    back = story.customer(_LOSER)
    assert (back["mail_status"], back["merged_into_customer_id"]) == ("INACTIVE", None)


def test_last_merge_counts_also_when_the_earlier_master_is_read_again(story: Story) -> None:
    story.land(
        story.contact(1, _MASTER), story.contact(2, _LOSER), story.contact(3, _LOSER), story.contact(4, "c@x.org")
    )
    story.land(_merged(story, 2, _LOSER, into=1, at=8), _merged(story, 3, _LOSER, into=4, at=5))

    assert _merged_into(story)[_LOSER] == _MASTER
    story.land(story.contact(4, "c@x.org", at=9))
    assert _merged_into(story)[_LOSER] == _MASTER


@pytest.fixture
def by_id(database: CustomerDatabase) -> Story:
    """Tell customers apart by Salesforce Id."""
    links = [
        FieldLink(salesforce_field="Id", name="external_id", unique=True),
        FieldLink(salesforce_field="Email", name="email_address"),
        FieldLink(salesforce_field="LastName", name="lastname"),
    ]
    rules = MappingRules(
        lead=ObjectMapping(links=links, status="Prospect"), contact=ObjectMapping(links=links, status="Customer")
    )
    return Story(database.transaction, rules)


def _converted(story: Story, at: int = 5) -> Record:
    lead = story.lead(1, _MASTER, at=at, IsConverted="true")
    return lead | {"ConvertedContactId": story.contact(7, None)["Id"]}


def test_converted_lead_and_its_contact_are_one_customer(by_id: Story) -> None:
    by_id.land(by_id.lead(1, _MASTER))
    (before,) = by_id.customers().values()

    by_id.land(_converted(by_id))
    by_id.land(by_id.contact(7, _MASTER, at=5))

    (after,) = by_id.customers().values()
    assert (after["id"], after["status"], after["salesforce_object"]) == (before["id"], "Customer", "Contact")


def test_contact_that_comes_first_takes_the_lead_s_customer_in(by_id: Story) -> None:
    by_id.land(by_id.lead(1, _MASTER))
    by_id.land(by_id.contact(7, _MASTER, at=5))

    by_id.land(_converted(by_id))

    live = [row for row in by_id.customers().values() if row["merged_into_customer_id"] is None]
    assert [row["status"] for row in live] == ["Customer"]
    assert len(by_id.customers()) == 2


def test_lead_that_was_converted_long_ago_makes_no_second_customer(by_id: Story) -> None:
    by_id.land(by_id.contact(7, _MASTER, at=5))
    by_id.land(_converted(by_id))

    assert len(by_id.customers()) == 1
