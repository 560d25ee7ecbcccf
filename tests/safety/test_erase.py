"""A person who is erased is in no table, and does not come back unnoticed."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from crm_sync.consent.record_store import record_consent
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import metadata
from crm_sync.erasure.known_store import readmit
from crm_sync.erasure.person_store import erase, find_person
from crm_sync.erasure.removal_store import forget_deleted
from crm_sync.errors import ConfigurationError
from crm_sync.push.queue_store import enter_campaign
from crm_sync.salesforce.record_ids import full_id
from tasks.pages.erasure import WORDS
from tests.rigs.story import HASHES, START, Story

ADA, OTHER = "ada@x.org", "other@x.org"


@pytest.fixture
def story(keyed: CustomerDatabase) -> Story:
    """Land a lead and a contact of one person with a moment and a place in a queue, and somebody else."""
    story = Story(keyed.transaction)
    story.land(story.lead(1, ADA, LastName="Zuzanna"))
    story.land(story.contact(1, ADA, LastName="Zuzanna"), story.contact(2, OTHER))
    story.land(story.contact(1, ADA, LastName="Zuzanna-Maria", at=3))
    ada = story.customer(ADA)["id"]
    with keyed.transaction() as connection:
        enter_campaign(connection, "spring", [ada], START)
    record_consent(keyed, ADA, "no", START)
    return story


def everything(connection: Connection) -> str:
    return repr([connection.execute(select(table)).all() for table in metadata.tables.values()])


@pytest.mark.parametrize("by", ["customer", "record", "address"])
def test_nothing_of_the_person_is_left(keyed: CustomerDatabase, story: Story, by: str) -> None:
    ada = story.customer(ADA)["id"]
    record = str(story.contact(1, None)["Id"])
    who = {"customer": ada, "record": record, "address": " Ada@X.org"}[by]
    with keyed.transaction() as connection:
        assert "Zuzanna" in everything(connection)

        erased = erase(connection, HASHES, find_person(connection, HASHES, who), START)

        assert "Zuzanna" not in everything(connection)
        assert ADA not in everything(connection)
        assert record not in everything(connection)
    assert erased.records == (record, story.lead(1, None)["Id"])
    assert list(story.customers()) == [OTHER]


def test_the_person_comes_back_as_a_number_only(keyed: CustomerDatabase, story: Story) -> None:
    with keyed.transaction() as connection:
        erase(connection, HASHES, find_person(connection, HASHES, ADA), START)

    counts = story.land(
        story.contact(1, "changed@x.org", at=9), story.contact(7, ADA, at=9), story.contact(8, "c@x.org")
    )

    assert (counts.rejected, counts.erased, counts.inserted) == (2, 2, 1)
    assert set(story.customers()) == {OTHER, "c@x.org"}
    assert story.rejects() == {}


def test_who_asks_to_be_a_customer_again_is_one_and_stands_at_the_noes_of_before(
    keyed: CustomerDatabase, story: Story
) -> None:
    record = str(story.contact(1, ADA)["Id"])
    with keyed.transaction() as connection:
        erase(connection, HASHES, find_person(connection, HASHES, ADA), START)
        assert readmit(connection, HASHES, "nobody@x.org") == 0

        assert readmit(connection, HASHES, " Ada@X.org", record) == 2

    counts = story.land(story.contact(1, ADA, at=9), story.lead(1, ADA, at=9))
    assert (counts.inserted, counts.erased) == (1, 1)
    assert story.customer(ADA)["opt_in"] is False


def test_who_shares_nothing_but_a_word_with_the_person_stays(keyed: CustomerDatabase, story: Story) -> None:
    other = story.customer(OTHER)["id"]
    with keyed.transaction() as connection:
        with pytest.raises(ConfigurationError, match="Nothing is known"):
            find_person(connection, HASHES, "nobody@x.org")
        assert find_person(connection, HASHES, OTHER).customers == (other,)


def test_people_deleted_in_salesforce_lose_their_values_after_their_time(keyed: CustomerDatabase, story: Story) -> None:
    story.land(story.contact(1, ADA, at=9, IsDeleted="true"))
    story.land(story.lead(1, ADA, at=9, IsDeleted="true"))
    with keyed.transaction() as connection:
        assert forget_deleted(connection, story.now - timedelta(days=1), story.now) == 0
        assert forget_deleted(connection, story.now + timedelta(minutes=1), story.now) == 1
        assert "Zuzanna" not in everything(connection)
        assert ADA not in everything(connection)
    story.land(story.contact(1, ADA, at=12))
    assert story.customer(ADA)["opt_in"] is False


def test_every_table_of_an_erasure_has_a_word_of_its_own(keyed: CustomerDatabase, story: Story) -> None:
    with keyed.transaction() as connection:
        erased = erase(connection, HASHES, find_person(connection, HASHES, ADA), START)

    assert set(erased.rows) == set(WORDS)


def test_an_id_means_one_record_however_it_is_typed_and_never_one_of_other_capitals(
    keyed: CustomerDatabase, story: Story
) -> None:
    upper, lower = "003PL00000abcDE", "003PL00000abcde"
    story.land(story.contact(5, "upper@x.org", Id=full_id(upper)), story.contact(6, "lower@x.org", Id=full_id(lower)))
    with keyed.transaction() as connection:
        for who in (lower, full_id(lower), full_id(lower).upper(), f" {full_id(lower).lower()}\n"):
            assert find_person(connection, HASHES, who).records == (full_id(lower),)
        for who in ("003PL00000ABCDE", "003PL00000abcDEAA", "003PL00000abcDEZZZ", "003PL00000abc_E", "003PL00000abc%E"):
            with pytest.raises(ConfigurationError):
                find_person(connection, HASHES, who)


@pytest.mark.parametrize("email", [None, "n/a", "Ada@X.org"])
def test_a_person_whose_record_was_refused_or_who_has_two_records_is_erased_by_a_short_id(
    keyed: CustomerDatabase, story: Story, email: str | None
) -> None:
    record = full_id("003PL00000abcDE")
    story.land(story.contact(9, email, Id=record, LastName="Wilhelmina", at=4))
    with keyed.transaction() as connection:
        assert "Wilhelmina" in everything(connection)

        erase(connection, HASHES, find_person(connection, HASHES, record[:15]), START)

        assert not [one for one in ("Wilhelmina", record) if one in everything(connection)]
    story.land(story.contact(9, email, Id=record, LastName="Wilhelmina", at=9))
    with keyed.transaction() as connection:
        assert "Wilhelmina" not in everything(connection)
        assert readmit(connection, HASHES, f" {record[:15]} ") == 1
