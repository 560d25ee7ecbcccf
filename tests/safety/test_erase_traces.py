"""No value of an erased person, and no Id of a record, stands in any table, whatever led there."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, insert, select, text, update

from crm_sync.customers.landing import one_at_a_time
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.consent import consent_candidate
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.database.tables.deployteq import deployteq_customer
from crm_sync.database.tables.moments import contact_moment, moment_export
from crm_sync.database.tables.safety import held_record
from crm_sync.erasure.known_store import readmit
from crm_sync.erasure.person_store import Erased, erase, find_person
from crm_sync.erasure.removal_store import forget_deleted
from crm_sync.errors import DatabaseUnavailableError
from crm_sync.moments.record_store import record_moments
from tests.rigs.story import HASHES, START, Record, Story

ADA, NEW, OTHER = "ada@x.org", "ada.new@x.org", "other@x.org"
NAME = "Zuzanna"
# The ledger of consent keeps which record said no, and the page of an erasure says so.
_KEPT = {"consent_event", "address_consent"}


@pytest.fixture
def story(keyed: CustomerDatabase) -> Story:
    """Land one person, and somebody else."""
    story = Story(keyed.transaction)
    story.land(_ada(), story.contact(2, OTHER, LastName="Other"))
    return story


def _ada(**fields: Any) -> Record:
    return Story.contact(1, fields.pop("Email", ADA), **{"LastName": NAME, **fields})


def _id(record: Record) -> str:
    return str(record["Id"])


def traces(connection: Connection, *values: str) -> list[tuple[str, str]]:
    """Return every table and column of the database in which one of the values stands."""
    found, tables = [], MetaData()
    tables.reflect(connection)
    for table in tables.sorted_tables:
        for row in connection.execute(select(table)).mappings():
            found += [(table.name, name) for name, value in row.items() if any(one in repr(value) for one in values)]
    return sorted(set(found))


def _erase(database: CustomerDatabase, who: str | int) -> Erased:
    with database.transaction() as connection:
        return erase(connection, HASHES, find_person(connection, HASHES, who), START)


def _insert(database: CustomerDatabase, table: Any, **values: Any) -> None:
    with database.transaction() as connection:
        connection.execute(insert(table).values(**values))


def _predecessors(story: Story, _: CustomerDatabase) -> None:
    contact = _id(_ada())
    story.land(story.lead(3, None, LastName=NAME, IsConverted="true", ConvertedContactId=contact))
    story.land(story.contact(4, None, LastName=NAME, IsDeleted="true", MasterRecordId=contact))
    story.land(story.lead(5, None, LastName=NAME, IsDeleted="true", MasterRecordId=_id(story.lead(3, None))))


def _a_customer_of_before(story: Story, _: CustomerDatabase) -> None:
    # Both have one address, so that one customer has the values first of one, then of the other.
    story.land(story.contact(5, ADA, LastName="Wife", at=5))
    story.new_run()
    story.land(story.contact(5, ADA, LastName="Wife", at=6), _ada(Email=NEW, at=7))


def _moment_of_before(story: Story, database: CustomerDatabase) -> None:
    ids = story.customer(ADA)["id"], story.customer(OTHER)["id"]
    with database.transaction() as connection:
        record_moments(connection, [{"moment_id": "m", "customer_id": ids[0], "sent_at": START}], START)
        values = {"sobject": "Contact", "version": 1, "payload_fingerprint": "", "tried_at": START, "attempts": 0}
        export = {"moment_id": "m", "customer_id": ids[0], "parent_id": _id(_ada()), **values}
        connection.execute(insert(moment_export).values(**export))
        record_moments(connection, [{"moment_id": "m", "customer_id": ids[1], "sent_at": START}], START)


def _deployteq(story: Story, database: CustomerDatabase) -> None:
    own = story.customer(ADA)
    same = {"brand": "b", "read_at": START, "field_values": {"firstName": NAME}}
    by_address = {"deployteq_id": 7, "address_hash": own["address_hash"], "identity": ADA, **same}
    elsewhere = {"deployteq_id": 8, "customer_id": own["id"], "address_hash": HASHES.of("third@x.org"), **same}
    for row in (by_address, elsewhere):
        _insert(database, deployteq_customer, **row)


def _bystander(story: Story, database: CustomerDatabase) -> None:
    # Outside of the mapping's condition, so read for consent only; its Id is a trace.
    row = story.mirror()[_id(_ada())] | {"id": f"003000000{NAME}AA", "unique_key": None, "customer_id": None}
    _insert(database, salesforce_record, **row | {"field_values": {}})


def _held(story: Story, database: CustomerDatabase) -> None:
    row = story.mirror()[_id(_ada())] | {"unique_key": NEW, "address_hash": HASHES.of(NEW), "held_at": START}
    row |= {"effects": "key", "customer_id": story.customer(ADA)["id"]}
    _insert(database, held_record, **{column.name: row[column.name] for column in held_record.c})


def _yes_of_a_shared_address(story: Story, database: CustomerDatabase) -> None:
    row = {"address_hash": HASHES.of("shared@x.org"), "channel": "email", "side": "salesforce", "kind": "user"}
    _insert(database, consent_candidate, **row, reference=_id(_ada()), seen_at=START)


@pytest.mark.parametrize(
    "also",
    [_predecessors, _a_customer_of_before, _moment_of_before, _bystander, _deployteq, _held, _yes_of_a_shared_address],
)
def test_no_value_of_the_person_stands_in_any_table(
    keyed: CustomerDatabase, story: Story, also: Callable[[Story, CustomerDatabase], None]
) -> None:
    also(story, keyed)

    _erase(keyed, _id(_ada()))

    with keyed.transaction() as connection:
        assert [one for one in traces(connection, NAME, _id(_ada())) if one[0] not in _KEPT] == []
        assert "Other" in repr(connection.execute(select(salesforce_record)).all())


@pytest.mark.parametrize("also", [_deployteq, _held])
def test_all_addresses_of_the_person_are_known_afterwards(
    keyed: CustomerDatabase, story: Story, also: Callable[[Story, CustomerDatabase], None]
) -> None:
    also(story, keyed)
    _erase(keyed, _id(_ada()))

    again = story.land(story.contact(8, NEW if also is _held else "third@x.org"))

    assert (again.erased, again.inserted) == (1, 0)


@pytest.mark.parametrize("also", [_deployteq, _held], ids=["only in Deployteq", "only in a record that is held back"])
def test_an_address_that_only_waits_is_found(
    keyed: CustomerDatabase, story: Story, also: Callable[[Story, CustomerDatabase], None]
) -> None:
    also(story, keyed)
    _erase(keyed, NEW if also is _held else ADA)

    with keyed.transaction() as connection:
        assert [one for one in traces(connection, NAME) if one[0] not in _KEPT] == []


def _by_moment(connection: Connection, ada: int) -> None:
    left = {"moment_id": "m", "customer_id": ada, "sent_at": START, "unsubscribed_at": START}
    record_moments(connection, [left], START)


def _by_sql(connection: Connection, ada: int) -> None:
    connection.execute(update(customer).where(customer.c.id == ada).values(opt_in=False))


def _by_status(connection: Connection, ada: int) -> None:
    connection.execute(update(customer).where(customer.c.id == ada).values(status="Blacklist"))


@pytest.mark.parametrize("said", [_by_moment, _by_sql, _by_status])
def test_a_no_that_no_run_has_seen_yet_outlives_the_person(
    keyed: CustomerDatabase, story: Story, said: Callable[[Connection, int], None]
) -> None:
    ada = story.customer(ADA)["id"]
    with keyed.transaction() as connection:
        said(connection, ada)

    assert _erase(keyed, ADA).undelivered == 1

    with keyed.transaction() as connection:
        readmit(connection, HASHES, ADA, _id(_ada()))
    story.land(_ada(at=9))
    assert story.customer(ADA)["opt_in"] is False


def test_nobody_gets_the_number_or_the_moments_of_who_was_erased(keyed: CustomerDatabase, story: Story) -> None:
    last = story.customer(OTHER)["id"]
    assert last == max(row["id"] for row in story.customers().values())
    _erase(keyed, last)

    story.land(story.contact(9, "next@x.org"))
    late = {"moment_id": "m", "customer_id": last, "sent_at": START, "subject": "Dear Other"}
    with keyed.transaction() as connection:
        record_moments(connection, [late, {"moment_id": "n", "customer_id": 4711, "sent_at": START}], START)

    assert story.customer("next@x.org")["id"] != last
    assert list(story.rows(contact_moment, "moment_id")) == ["n"]


def test_who_was_joined_to_somebody_deleted_long_ago_goes_along(keyed: CustomerDatabase, story: Story) -> None:
    story.land(story.contact(3, "second@x.org", LastName=NAME), story.contact(4, "third@x.org", LastName=NAME))
    ids = [story.customer(one)["id"] for one in (ADA, "second@x.org", "third@x.org")]
    with keyed.transaction() as connection:
        for joined, into in ((ids[1], ids[0]), (ids[2], ids[1])):
            connection.execute(update(customer).where(customer.c.id == joined).values(merged_into_customer_id=into))
        gone = update(customer).where(customer.c.id.in_(ids)).values(deleted_in_salesforce_at=START)
        connection.execute(gone)

        forget_deleted(connection, START + timedelta(days=1), START)

        assert traces(connection, NAME, ADA, "second@x.org", "third@x.org") == []
    assert list(story.customers()) == [OTHER]


@pytest.mark.parametrize("read_at", [START, None])
def test_a_merged_record_loses_its_address_too(keyed: CustomerDatabase, story: Story, read_at: Any) -> None:
    story.land(story.contact(3, OTHER, LastName=NAME), story.contact(4, "old@x.org", LastName=NAME))
    master = _id(story.contact(2, None))
    story.land(story.contact(4, "old@x.org", LastName=NAME, at=3, IsDeleted="true", MasterRecordId=master))
    with keyed.transaction() as connection:
        connection.execute(update(salesforce_record).values(read_at=read_at))
        forget_deleted(connection, START + timedelta(days=9), START)

        assert [one for one in traces(connection, "old@x.org") if one[0] == "salesforce_record"] == []
        left = select(salesforce_record.c.master_record_id).where(salesforce_record.c.is_deleted)
        assert connection.scalars(left).all() == [master]


def test_who_has_an_address_of_the_person_as_second_one_is_named_and_stays(
    keyed: CustomerDatabase, story: Story
) -> None:
    other = story.customer(OTHER)["id"]
    with keyed.transaction() as connection:
        second = update(customer).where(customer.c.id == other).values(alternate_email_address=f" {ADA.upper()}")
        connection.execute(second)

    assert _erase(keyed, ADA).named_by == (other,)


@pytest.mark.parametrize(
    ("kept", "typed"),
    [
        ("ada@müller.org", "ADA@XN--MLLER-KVA.ORG"),
        ("ada@xn--mller-kva.org", "\u00a0ada@Mu\u0308ller.org. "),
        ("ada@x.org", "\uff21da\uff20x.org"),
    ],
)
def test_an_address_is_one_however_it_is_written(keyed: CustomerDatabase, story: Story, kept: str, typed: str) -> None:
    story.land(_ada(Email=kept, at=2))

    _erase(keyed, typed)

    with keyed.transaction() as connection:
        assert traces(connection, NAME, kept, _id(_ada())) == []
    assert story.land(_ada(Email=typed.strip(), at=9), story.contact(8, kept)).erased == 2


def test_nothing_of_the_person_lands_between_finding_and_erasing(postgresql_url: str) -> None:
    database = CustomerDatabase(postgresql_url, HASHES.key)
    story = Story(database.transaction)
    story.land(_ada())
    with database.transaction() as connection:
        find_person(connection, HASHES, ADA)
        with pytest.raises(DatabaseUnavailableError):
            _land_without_waiting(database)
    database.close()


def _land_without_waiting(database: CustomerDatabase) -> None:
    with database.transaction() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '20ms'"))
        one_at_a_time(connection)
