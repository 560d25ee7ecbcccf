"""A person who was erased here stays in Deployteq, and comes back from there with nothing."""

from sqlalchemy import select

from crm_sync.database.tables.customers import metadata
from crm_sync.erasure.person_store import erase, find_person
from crm_sync.exchange.collection import read_account
from tests.deployteq.rig import Rig


def _everything(rig: Rig) -> str:
    with rig.database.transaction() as connection:
        return repr([connection.execute(select(table)).all() for table in metadata.tables.values()]).lower()


def test_no_reading_of_deployteq_brings_an_erased_person_back(rig: Rig) -> None:
    person, other = rig.add("zuzanna"), rig.add("other")
    rig.start()
    rig.readers.unsubscribe(rig.there(person)["id"])
    assert "zuzanna" in _everything(rig)
    with rig.database.transaction() as connection:
        hashes = rig.database.hashes
        erase(connection, hashes, find_person(connection, hashes, person), rig.people.tick())

    rig.cycle()
    found = read_account(rig.exchange)

    assert "zuzanna" not in _everything(rig)
    assert (found.figures.there, len(rig.brand.customers)) == (1, 2)
    assert rig.there(other)["lastname"] == "Other"
