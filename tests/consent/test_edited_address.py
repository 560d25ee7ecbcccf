"""An e-mail address that somebody edits here is the one that is mailed, so its noes count, and those of before too."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from crm_sync.consent.record_store import record_consent
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from tests.rigs.story import HASHES, START, Story

ADA, NEW, OTHER = "ada@x.org", "ada.new@x.org", "other@x.org"


@pytest.fixture
def keyed(database_url: str) -> Iterator[CustomerDatabase]:
    """Open a customer database, on both kinds, with the key of its hashes."""
    opened = CustomerDatabase(database_url, HASHES.key)
    yield opened
    opened.close()


def _edit(database: CustomerDatabase) -> None:
    with database.transaction() as connection:
        connection.execute(update(customer).where(customer.c.unique_key == ADA).values(email_address=f" {NEW}"))


def _no_after(database: CustomerDatabase, story: Story) -> None:
    _edit(database)
    record_consent(database, NEW, "no", START + timedelta(hours=1))


def _no_before(database: CustomerDatabase, story: Story) -> None:
    record_consent(database, ADA, "no", START + timedelta(hours=1))
    _edit(database)
    with database.transaction() as connection:
        connection.execute(update(customer).where(customer.c.unique_key == ADA).values(opt_in_set=True, opt_in=True))


def _no_of_another_record(database: CustomerDatabase, story: Story) -> None:
    _edit(database)
    story.land(story.contact(3, NEW, HasOptedOutOfEmail="true"))


def _no_of_its_own_record(database: CustomerDatabase, story: Story) -> None:
    _edit(database)
    story.land(story.contact(2, OTHER, at=4))
    story.land(story.contact(1, ADA, at=5, HasOptedOutOfEmail="true"))


@pytest.mark.parametrize("says_no", [_no_after, _no_before, _no_of_another_record, _no_of_its_own_record])
def test_who_said_no_at_the_address_of_now_or_of_before_is_not_mailed(
    keyed: CustomerDatabase,
    new_story: type[Story],
    says_no: Callable[[CustomerDatabase, Story], None],
) -> None:
    story = new_story(keyed.transaction)
    story.land(story.contact(1, ADA), story.contact(2, OTHER))

    says_no(keyed, story)
    for minute in (8, 9):
        story.land(story.contact(1, ADA, at=minute, Score__c=str(minute), **_as_said(says_no)))

    ada = story.customer(ADA)
    assert (ada["email_address"].strip(), ada["options"]["score"], ada["opt_in"]) == (NEW, 9, False)
    with keyed.transaction() as connection:
        mailed = text("SELECT email_address FROM customer_mailable WHERE is_mailable")
        assert connection.scalars(mailed).all() == [OTHER]


def _as_said(says_no: object) -> dict[str, str]:
    return {"HasOptedOutOfEmail": "true"} if says_no is _no_of_its_own_record else {}


def test_nobody_else_is_touched_by_an_edit(keyed: CustomerDatabase, new_story: type[Story]) -> None:
    story = new_story(keyed.transaction)
    story.land(story.contact(1, ADA), story.contact(2, OTHER))
    _edit(keyed)

    story.land(story.contact(2, OTHER, at=4))

    assert story.customer(ADA)["address_hash"] == HASHES.of(NEW)
    assert (story.customer(ADA)["opt_in"], story.customer(OTHER)["opt_in"]) == (True, True)
