"""A person who was erased here stays in Deployteq, or is deleted there on demand, and comes back with nothing."""

from sqlalchemy import select

from crm_sync.database.tables.customers import metadata
from crm_sync.erasure.person_store import erase, find_person, numbers_in_deployteq
from crm_sync.exchange.collection import read_account
from crm_sync.exchange.erasure import delete_there
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


def test_who_is_erased_is_deleted_there_on_demand_with_every_double_and_nobody_else(each_rig: Rig) -> None:
    rig = each_rig
    twice = [rig.readers.insert(emailAddress="zuzanna@example.com") for _ in "ab"]
    person, other = rig.add("zuzanna"), rig.add("other")
    rig.start()
    # By a form, with the same address, and read since.
    form = rig.readers.insert(emailAddress="ZUZANNA@example.com", optIn="N")
    rig.wait(hours=1)
    rig.cycle()
    rig.readers.delete(twice[0])
    hashes = rig.database.hashes
    with rig.database.transaction() as connection:
        found = find_person(connection, hashes, person)
        numbers = numbers_in_deployteq(connection, found, rig.exchange.brand)
        assert numbers_in_deployteq(connection, found, "another") == []
    assert numbers == [*twice, form]
    for _ in range(2):  # a run that was cut is repeated
        delete_there(rig.account, numbers)
    with rig.database.transaction() as connection:
        erase(connection, hashes, find_person(connection, hashes, person), rig.people.tick())
    rig.cycle()
    read_account(rig.exchange)
    assert [one["lastname"] for one in rig.brand.customers.values()] == ["Other"]
    assert rig.there(other)["optIn"] == "Y"
    assert "zuzanna" not in _everything(rig)
