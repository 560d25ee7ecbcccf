"""What is held back is counted over a day, since a mass change may come in parts; an approval is for what was shown."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_sync.database.tables.customers import customer
from crm_sync.database.tables.safety import held_record
from crm_sync.errors import PersonNeededError
from crm_sync.mapping.model import ObjectMapping
from tests.rigs.kills import KilledError, KillPoint, killed_at
from tests.rigs.org import Rig, start_rig

pytestmark = pytest.mark.flow

_PEOPLE = 120


def _settled(rig: Rig) -> None:
    for number in range(_PEOPLE):
        fields = {"FirstName": f"F{number}", "MailingCity": "Utrecht", "HasOptedOutOfEmail": True}
        rig.org.records.insert("Contact", {"LastName": "Held", "Email": f"p{number}@example.org", **fields})
        lead = {"LastName": "Held", "Company": "C", "City": "Ede", "Email": f"l{number}@example.org"}
        rig.org.records.insert("Lead", lead)
    rig.sync()
    rig.clock.move(days=3)


@pytest.fixture
def many(tmp_path: Path, sqlite_url: str) -> Iterator[Rig]:
    """Start an org of contacts who all said no, and of leads, synced three days ago."""
    with start_rig(tmp_path, sqlite_url, 0, _settled) as rig:
        yield rig


def _change(rig: Rig, sobject: str, some: slice, **fields: object) -> None:
    for record in sorted(row["Id"] for row in rig.people(sobject))[some]:
        rig.org.records.update(sobject, record, fields)


def _cities(rig: Rig) -> int:
    return sum(row["city"] == "Utrecht" for row in rig.rows(customer))


def _mailed(rig: Rig) -> int:
    return sum(bool(row["opt_in"]) for row in rig.rows(customer) if row["salesforce_object"] == "Contact")


def test_values_blanked_in_parts_wait_as_if_it_were_at_once(many: Rig) -> None:
    rig = many
    _change(rig, "Contact", slice(0, 45), MailingCity=None)
    assert rig.pull().state == "Completed"
    rig.clock.move(minutes=10)
    _change(rig, "Contact", slice(45, 90), MailingCity=None)

    with pytest.raises(PersonNeededError, match="45 customers would lose their value of city, after 45 within"):
        rig.pull()

    assert _cities(rig) == 75
    _change(rig, "Contact", slice(90, 120), FirstName=None)
    assert rig.pull(approve_changes=True).state == "Completed"
    assert _cities(rig) == 30
    # What was approved is not counted again.
    rig.clock.move(minutes=10)
    _change(rig, "Contact", slice(90, 95), MailingCity=None)
    assert rig.pull().state == "Completed"


def test_a_customer_field_that_leads_and_contacts_lose_counts_once(many: Rig) -> None:
    rig = many
    _change(rig, "Contact", slice(0, 40), MailingCity=None)
    _change(rig, "Lead", slice(0, 40), City=None)

    with pytest.raises(PersonNeededError, match="80 customers would lose their value of city"):
        rig.pull()


def test_what_a_killed_run_did_not_land_is_not_counted(many: Rig) -> None:
    rig = many
    _change(rig, "Contact", slice(0, 45), MailingCity=None)
    with pytest.raises(KilledError), killed_at(KillPoint("DELETE FROM held_record WHERE held_record.id", "before")):
        rig.pull()
    assert _cities(rig) == _PEOPLE

    assert rig.pull().state == "Completed"
    assert _cities(rig) == 75


def test_opt_outs_unticked_in_parts_wait_too(many: Rig) -> None:
    rig = many
    _change(rig, "Contact", slice(0, 45), HasOptedOutOfEmail=False)
    assert rig.pull().state == "Completed"
    rig.clock.move(minutes=10)
    _change(rig, "Contact", slice(45, 90), HasOptedOutOfEmail=False)

    with pytest.raises(PersonNeededError, match="45 people would be mailed again"):
        rig.pull()

    assert _mailed(rig) == 45
    rig.pull(approve_changes=True)
    rig.clock.move(minutes=10)
    _change(rig, "Contact", slice(90, 91), HasOptedOutOfEmail=False)
    assert rig.pull().state == "Completed"
    assert _mailed(rig) == 91


def test_what_waits_of_an_object_that_is_no_longer_mapped_waits_for_nobody(many: Rig) -> None:
    rig = many
    _change(rig, "Lead", slice(0, 100), City=None)
    with pytest.raises(PersonNeededError, match="100 customers would lose their value of city"):
        rig.pull()

    rig.mapping = rig.mapping.model_copy(update={"lead": ObjectMapping(links=[])})

    assert rig.sync(objects=["Contact"]).state == "Completed"
    assert rig.rows(held_record) == []


def test_an_approval_is_for_what_was_held_before_and_for_its_effects_only(many: Rig) -> None:
    rig = many
    _change(rig, "Contact", slice(0, 100), MailingCity=None)
    with pytest.raises(PersonNeededError):
        rig.pull()
    # Of these records nobody has seen that they would lose this too.
    rig.clock.move(minutes=10)
    _change(rig, "Contact", slice(0, 100), FirstName=None)

    with pytest.raises(PersonNeededError, match="100 customers would lose their value of firstname"):
        rig.pull(approve_changes=True)

    assert _cities(rig) == _PEOPLE
    rig.pull(approve_changes=True)
    assert _cities(rig) == 20
