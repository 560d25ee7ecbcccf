"""On PostgreSQL others write while a batch lands: a no that is said between two statements of a run is not lost."""

from sqlalchemy import select, update

from crm_sync.consent.here_store import notice_changes_here
from crm_sync.consent.standing_store import refresh_consent
from crm_sync.consent_words import Channel
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from tests.consent.told import ADA, BOB, Told, contact
from tests.rigs.story import HASHES, Story


def test_no_that_is_said_while_a_batch_lands_is_found_by_the_next_look(
    postgresql_url: str, new_story: type[Story]
) -> None:
    database = CustomerDatabase(postgresql_url, HASHES.key)
    told = Told(new_story(database.transaction), database)
    told.live([contact(), contact(2, BOB)])
    everyone = select(customer.c.id)
    with database.transaction() as run:
        notice_changes_here(run, HASHES, run=told.story.run, now=told.story.now)
        with database.transaction() as somebody:
            somebody.execute(update(customer).where(customer.c.unique_key == ADA).values(opt_in=False))
        refresh_consent(run, everyone, told.story.now, linked=set(Channel))
    told.cycle()
    assert told.mailable() == {BOB}
    database.close()
