"""What a run would do to too many people at once waits for a person; the rest is done, and small numbers never wait."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.database.tables.campaigns import campaign_member
from crm_sync.database.tables.customers import customer
from crm_sync.database.tables.safety import held_record
from crm_sync.errors import PersonNeededError
from crm_sync.push.selection import FieldEquals
from flows.campaign_push import campaign_push
from tests.rigs.org import Rig, artifact, start_rig
from tests.rigs.pulls import customers_by_key

pytestmark = pytest.mark.flow

_PEOPLE = 200


def _settled(rig: Rig, people: int = _PEOPLE) -> None:
    for number in range(people):
        fields = {"FirstName": f"F{number}", "MailingCity": "Utrecht", "HasOptedOutOfEmail": True}
        rig.org.records.insert("Contact", {"LastName": "Held", "Email": f"p{number}@example.org", **fields})
    rig.sync()
    rig.clock.move(days=3)


@pytest.fixture
def many(tmp_path: Path, database_url: str) -> Iterator[Rig]:
    """Start an org of contacts who all said no, synced three days ago."""
    with start_rig(tmp_path, database_url, 0, _settled) as rig:
        yield rig


def _contacts(rig: Rig, number: int) -> list[str]:
    return sorted(row["Id"] for row in rig.people("Contact"))[:number]


def _hide(rig: Rig, number: int) -> None:
    rig.org.hide_records("Contact", *_contacts(rig, number))


def _change(rig: Rig, number: int, fields: Callable[[int], dict[str, object]]) -> None:
    for place, record in enumerate(_contacts(rig, number)):
        rig.org.records.update("Contact", record, fields(place))


def _deleted(rig: Rig) -> int:
    return sum(row["deleted_in_salesforce_at"] is not None for row in rig.rows(customer))


@pytest.mark.parametrize("people", [1, 10])
def test_that_none_of_a_few_is_left_waits_too(tmp_path: Path, sqlite_url: str, people: int) -> None:
    with start_rig(tmp_path, sqlite_url, 0, partial(_settled, people=people)) as rig:
        _hide(rig, people)

        with pytest.raises(PersonNeededError, match="since Salesforce shows no record of the object any more"):
            rig.sync()
        assert _deleted(rig) == 0
        assert rig.sync(approve_changes=True).total.deleted == people


@pytest.mark.parametrize("out_of_sight", [197, 200])
def test_most_contacts_out_of_sight_are_not_deleted_until_a_person_says_so(many: Rig, out_of_sight: int) -> None:
    _hide(many, out_of_sight)

    with pytest.raises(PersonNeededError, match=f"{out_of_sight} customers would be marked as deleted"):
        many.sync()
    assert _deleted(many) == 0
    page = artifact("full-sync-held-back")
    assert f"| {out_of_sight} |" in page
    assert not [word for word in ("@", "SELECT", "held_record") if word in page]
    listed = json.loads(artifact("full-sync-held-back-list"))
    assert len(listed) == out_of_sight
    assert all(row["what"].startswith("would be marked as deleted") for row in listed)
    assert "Utrecht" not in str(listed)
    with pytest.raises(PersonNeededError):
        many.pull()

    assert many.sync(approve_changes=True).total.deleted == out_of_sight
    assert _deleted(many) == out_of_sight
    assert many.pull().state == "Completed"


def test_few_deletions_are_carried_out(many: Rig) -> None:
    _hide(many, 30)
    for record in _contacts(many, 50)[30:]:
        many.org.records.delete("Contact", record)

    assert many.sync().total.deleted == 50
    assert _deleted(many) == 50
    assert many.rows(held_record) == []


def test_who_comes_back_into_sight_is_not_held_any_more(many: Rig) -> None:
    gone = _contacts(many, 100)
    for record in gone:
        many.org.records.delete("Contact", record)
    with pytest.raises(PersonNeededError):
        many.pull()
    for record in gone:
        many.org.records.undelete("Contact", record)

    assert many.pull().state == "Completed"
    assert (many.rows(held_record), _deleted(many)) == ([], 0)


@pytest.mark.both
def test_fields_blanked_for_many_wait_and_the_rest_is_done(many: Rig) -> None:
    _change(many, 150, lambda _: {"MailingCity": None, "FirstName": None})
    last = sorted(row["Id"] for row in many.people("Contact"))[-1]
    many.org.records.update("Contact", last, {"Title": "Poet"})

    with pytest.raises(PersonNeededError, match="150 customers would lose their value of city"):
        many.pull()
    assert sum(row["city"] == "Utrecht" for row in many.rows(customer)) == _PEOPLE
    health = artifact("health")
    assert "Needs a look: 150 customers with changes held back until somebody approves; the last incremental" in health
    assert "| customers with changes |  |  | 150 |" in health
    assert [row["salesforce_id"] for row in many.rows(customer) if row["job_title"] == "Poet"] == [last]

    many.pull(approve_changes=True)
    assert sum(row["city"] == "Utrecht" for row in many.rows(customer)) == 50
    assert many.pull().state == "Completed"


def test_all_addresses_changed_at_once_wait_and_then_the_customers_follow(many: Rig) -> None:
    before = {key: row["id"] for key, row in customers_by_key(many).items()}
    _change(many, _PEOPLE, lambda place: {"Email": f"q{place}@example.org"})

    with pytest.raises(PersonNeededError, match="200 customers would lose their unique field or e-mail address"):
        many.pull()
    assert {key: row["id"] for key, row in customers_by_key(many).items()} == before

    many.pull(approve_changes=True)
    assert {row["id"] for row in customers_by_key(many).values()} == set(before.values())
    assert all(key.startswith("q") for key in customers_by_key(many))


def test_a_no_in_a_record_that_waits_does_not_wait(many: Rig) -> None:
    _change(many, _PEOPLE, lambda _: {"HasOptedOutOfEmail": False})
    many.pull(approve_changes=True)
    assert {row["opt_in"] for row in many.rows(customer)} == {True}
    _change(many, _PEOPLE, lambda _: {"HasOptedOutOfEmail": True, "MailingCity": None})

    with pytest.raises(PersonNeededError, match="200 noes were said, more than usual; all of them stand"):
        many.pull()
    assert {row["opt_in"] for row in many.rows(customer)} == {False}


def test_opt_outs_unticked_for_many_wait(many: Rig) -> None:
    _change(many, 150, lambda _: {"HasOptedOutOfEmail": False})

    with pytest.raises(PersonNeededError, match="150 people would be mailed again"):
        many.pull()
    assert "| people to be mailed again | 0 |  | 150 |" in artifact("health")
    assert {row["opt_in"] for row in many.rows(customer)} == {False}

    many.pull(approve_changes=True)
    assert sum(row["opt_in"] for row in many.rows(customer)) == 150


def test_more_than_half_of_all_customers_enter_a_campaign_with_approval_only(many: Rig) -> None:
    step = SalesforceSynchronize(fields=["Title"])
    everybody: dict[str, Any] = {"settings": step, "selection": [FieldEquals(field="city", equals="Utrecht")]}

    told = campaign_push("spring", **many.blocks(), **everybody, dry_run=True).sentence()
    assert "200 customers can only enter with *approve changes*" in told
    with pytest.raises(PersonNeededError, match="200 customers did not enter"):
        campaign_push("spring", **many.blocks(), **everybody)
    assert many.rows(campaign_member) == []

    assert len(campaign_push("spring", **many.blocks(), **everybody, approve_changes=True).success) == _PEOPLE
