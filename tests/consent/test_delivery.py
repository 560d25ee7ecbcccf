"""Withdrawals beside everything else: in a push, to pick lists, from a hidden field, after a backup was restored."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from blocks.data_mapping import DataMapping
from crm_sync.consent.record_store import record_consent
from crm_sync.database.tables.customers import customer
from crm_sync.mapping.model import DeletedPeople, FieldLink
from crm_sync.sobject import SObject
from flows.check_connection import check_connection
from flows.incremental_pull import incremental_pull
from standins.salesforce.schema.fields import Field
from tests.rigs.databases import copy_database, database_named, sqlite_file
from tests.rigs.org import Rig, Row, artifact
from tests.rigs.pushes import Pushes, start_pushes

pytestmark = pytest.mark.flow
REFUSAL = "FIELD_CUSTOM_VALIDATION_EXCEPTION"


@pytest.fixture
def pushes(tmp_path: Path, database_url: str) -> Iterator[Pushes]:
    """Give a synced org, once with SQLite and once with PostgreSQL."""
    with start_pushes(tmp_path, database_url) as started:
        yield started


def mailed(pushes: Pushes, number: int = 1) -> list[Row]:
    """Return customers who are mailed, each with a contact of its own."""
    return [row for row in pushes.people() if row["opt_in"] and pushes.record(row["id"])["Email"]][:number]


def view(rig: Rig, one: int) -> tuple[bool, str | None]:
    """Return whether a customer may be mailed, and why not."""
    opened = rig.customers.open()
    query = text("SELECT is_mailable, reason FROM customer_mailable WHERE customer_id = :one")
    with opened.transaction() as connection:
        row = connection.execute(query, {"one": one}).one()
    opened.close()
    return bool(row.is_mailable), row.reason


@pytest.mark.both
def test_success_is_said_only_when_salesforce_holds_the_no(pushes: Pushes) -> None:
    refused, told = mailed(pushes, 2)
    ids = [refused["id"], told["id"]]
    pushes.change(ids, opt_in=False, job_title="Navigator")
    pushes.enter(ids)
    pushes.rig.org.refusals.add(refused["salesforce_id"], times=99, code=REFUSAL, message="Ask the owner first")
    pushes.rig.org.records.update("Contact", told["salesforce_id"], {"Phone": "020-there"})

    result = pushes.push(fields=["Title"])

    assert result.success == {told["id"]}
    assert result.error == {refused["id"]}
    assert [cause.code for cause in result.causes] == [REFUSAL]
    pushes.rig.pull()
    assert [row["opt_in"] for row in map(pushes.customer, ids)] == [False, False]
    pushes.rig.org.refusals.clear()
    assert pushes.retry("error", fields=["Title"]).success == {refused["id"]}
    assert pushes.have_opted_out(ids)


def test_no_switch_sends_an_old_yes(pushes: Pushes) -> None:
    (person,) = mailed(pushes)
    pushes.rig.org.records.update("Contact", person["salesforce_id"], {"HasOptedOutOfEmail": True})
    pushes.enter([person["id"]])

    pushes.push(fields=["Title", "HasOptedOutOfEmail"], customer_wins=True, always_send=True)

    assert pushes.record(person["id"])["HasOptedOutOfEmail"]
    pushes.rig.clock.move(minutes=30)
    pushes.rig.pull()
    assert pushes.customer(person["id"])["opt_in"] is False


def test_contact_s_yes_is_not_written_over_its_lead_s_no(pushes: Pushes) -> None:
    (person,) = mailed(pushes)
    values = {"LastName": "A", "Company": "B", "Email": person["email_address"], "HasOptedOutOfEmail": True}
    lead = pushes.rig.org.records.insert("Lead", values)
    pushes.rig.clock.move(minutes=30)
    pushes.rig.pull()
    pushes.change([person["id"]], job_title="Navigator")
    pushes.enter([person["id"]])

    pushes.push(sobject="Lead", fields=["Title", "HasOptedOutOfEmail"])

    (there,) = (row for row in pushes.rig.people("Lead") if row["Id"] == lead)
    assert (there["Title"], there["HasOptedOutOfEmail"]) == ("Navigator", 1)
    assert pushes.customer(person["id"])["opt_in"] is False


def test_hidden_opt_out_leaves_nobody_mailable_on_old_knowledge(pushes: Pushes) -> None:
    rig, (person,) = pushes.rig, mailed(pushes)
    shown = rig.org.schema["Contact"]
    rig.org.hide_fields("Contact", "HasOptedOutOfEmail")
    new = rig.org.records.insert("Contact", {"LastName": "A", "Email": "new@planted.example"})
    rig.clock.move(minutes=30)

    state = incremental_pull(**rig.blocks(), return_state=True)

    assert state.name == "OptOutsUnknown"
    assert view(rig, person["id"]) == (False, "Salesforce no longer shows who said no")
    (came,) = (row for row in rig.rows(customer) if row["salesforce_id"] == new)
    assert came["opt_in"] is False
    rig.org.schema["Contact"] = shown
    rig.org.records.update("Contact", person["salesforce_id"], {"HasOptedOutOfEmail": True})
    rig.clock.move(minutes=30)
    assert incremental_pull(**rig.blocks(), return_state=True).name == "OptOutsUnknown", "only a full sync ends it"
    rig.sync()
    assert view(rig, person["id"]) == (False, "said no")
    assert incremental_pull(**rig.blocks(), return_state=True).name != "OptOutsUnknown"


def _hide_field(rig: Rig) -> None:
    rig.org.hide_fields("Contact", "HasOptedOutOfEmail")


def _hide_object(rig: Rig) -> None:
    del rig.org.schema["Contact"]


@pytest.mark.parametrize("hide", [_hide_field, _hide_object])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_that_waits_for_what_salesforce_does_not_show_stops_nothing_and_goes_when_it_is_shown(
    pushes: Pushes, hide: Callable[[Rig], None]
) -> None:
    rig, (person,) = pushes.rig, mailed(pushes)
    lead = next(one for one in pushes.people(SObject.LEAD) if one["opt_in"])
    shown = rig.org.schema["Contact"]
    hide(rig)
    pushes.change([person["id"], lead["id"]], opt_in=False)
    rig.org.records.update("Lead", lead["salesforce_id"], {"Title": "Poet"})

    state = incremental_pull(**rig.blocks(), return_state=True)

    assert state.name == "OptOutsUnknown"
    assert pushes.customer(lead["id"])["job_title"] == "Poet"
    assert pushes.have_opted_out([lead["id"]])
    assert not pushes.have_opted_out([person["id"]])
    rig.org.schema["Contact"] = shown
    rig.sync()
    assert pushes.have_opted_out([person["id"]])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_for_a_record_that_is_purged_stops_nobody_elses(pushes: Pushes) -> None:
    rig, (gone, other) = pushes.rig, mailed(pushes, 2)
    rig.org.records.purge("Contact", gone["salesforce_id"])
    pushes.change([gone["id"]], opt_in=False)

    assert rig.pull().state == "Completed"

    pushes.change([other["id"]], opt_in=False)
    assert rig.pull().state == "Completed"
    assert pushes.have_opted_out([other["id"]])
    assert view(rig, gone["id"]) == (False, "said no")


def test_no_goes_to_a_pick_list(pushes: Pushes) -> None:
    rig = pushes.rig
    contact = rig.mapping.rules().contact
    links = [link for link in contact.links if not link.is_consent]
    own = contact.model_copy(update={"links": [*links, FieldLink(salesforce_field="Newsletter__c", name="opt_in")]})
    rig.mapping = DataMapping.of(rig.mapping.rules().model_copy(update={"contact": own}))
    (person,) = mailed(pushes)
    rig.org.records.update("Contact", person["salesforce_id"], {"Newsletter__c": "Y"})
    rig.clock.move(minutes=30)
    rig.sync()
    assert pushes.customer(person["id"])["opt_in"] is True

    database = rig.customers.open()
    record_consent(database, person["id"], "no", datetime.now(UTC))
    database.close()
    rig.pull()
    rig.pull()
    assert pushes.record(person["id"])["Newsletter__c"] == "N"
    assert pushes.customer(person["id"])["opt_in"] is False


def test_no_without_a_field_for_it_stays_here_and_the_check_says_so(pushes: Pushes) -> None:
    rig, (person,) = pushes.rig, mailed(pushes)
    rules = rig.mapping.rules()
    own = rules.contact.model_copy(update={"links": [link for link in rules.contact.links if not link.is_consent]})
    rig.mapping = DataMapping.of(rules.model_copy(update={"contact": own}))
    pushes.change([person["id"]], opt_in=False)
    rig.sync()
    rig.pull()
    assert pushes.customer(person["id"])["opt_in"] is False
    assert not pushes.record(person["id"])["HasOptedOutOfEmail"]
    check_connection(**rig.blocks())
    assert "No field of Contact can be written with a no" in artifact("connection")


def test_consent_from_a_field_that_sounds_like_a_no_is_asked_about_by_the_check(pushes: Pushes) -> None:
    rig = pushes.rig
    rules = rig.mapping.rules()
    kind = rig.org.schema["Contact"]
    rig.org.schema["Contact"] = replace(kind, fields=tuple(_renamed(field) for field in kind))
    links = [link for link in rules.contact.links if not link.is_consent]
    for opposite in (False, True):
        asked = FieldLink(salesforce_field="Mail_OptOut__c", name="opt_in", opposite=opposite)
        own = rules.contact.model_copy(update={"links": [*links, asked]})
        rig.mapping = DataMapping.of(rules.model_copy(update={"contact": own}))
        assert check_connection(**rig.blocks()).missing == []
        assert ("does true mean No in it? Then tick 'Says the opposite'" in artifact("connection")) is not opposite


def _renamed(field: Field) -> Field:
    """Give the newsletter's box the name of an opt-out."""
    return replace(field, name="Mail_OptOut__c") if field.name == "Email_Opt_In__c" else field


@pytest.mark.parametrize("deleted", DeletedPeople)
def test_who_is_deleted_in_salesforce_is_mailed_on_only_where_the_mapping_says_so_and_never_after_a_no(
    pushes: Pushes, deleted: DeletedPeople
) -> None:
    rig, (person, opted_out) = pushes.rig, mailed(pushes, 2)
    rig.mapping = DataMapping.of(rig.mapping.rules().model_copy(update={"deleted": deleted}))
    pushes.change([opted_out["id"]], opt_in=False)
    rig.pull()
    for one in (person, opted_out):
        rig.org.records.delete("Contact", one["salesforce_id"])
    rig.clock.move(minutes=30)
    rig.pull()
    goes_on = deleted is DeletedPeople.KEEP_MAILING
    assert view(rig, person["id"]) == ((True, None) if goes_on else (False, "mail status is inactive"))
    assert view(rig, opted_out["id"]) == (False, "said no")
    assert pushes.customer(person["id"])["opt_in"] is True, "a deletion is no no of the address"


def too_long(rig: Rig) -> dict[str, str]:
    return {"job_title": "N" * 200}


def read_only(rig: Rig) -> dict[str, str]:
    rig.org.change_field("Contact", "Title", updateable=False)
    return {"job_title": "Navigator"}


def hidden(rig: Rig) -> dict[str, str]:
    rig.org.hide_fields("Contact", "Title")
    return {"job_title": "Navigator"}


@pytest.mark.parametrize("spoil", [too_long, read_only, hidden])
def test_what_is_wrong_with_another_field_does_not_keep_the_no_back(
    pushes: Pushes, spoil: Callable[[Rig], dict[str, str]]
) -> None:
    (person,) = mailed(pushes)
    pushes.change([person["id"]], opt_in=False, **spoil(pushes.rig))
    pushes.enter([person["id"]])

    pushes.push(fields=["Title", "HasOptedOutOfEmail"])

    assert pushes.record(person["id"])["HasOptedOutOfEmail"]
    assert pushes.customer(person["id"])["opt_in"] is False


@pytest.mark.parametrize("again", ["pull", "sync", "repair"])
def test_restored_backup_makes_no_yes_of_a_no(both_synced: Rig, tmp_path: Path, again: str) -> None:
    rig, pushes = both_synced, Pushes(both_synced)
    runs: dict[str, Callable[[], object]] = {
        "pull": rig.pull,
        "sync": rig.sync,
        "repair": partial(rig.sync, repair=True, approve_changes=True),
    }
    here, there = mailed(pushes, 2)
    url = rig.customers.url.get_secret_value()
    is_file = url.startswith("sqlite")
    yesterday = f"sqlite:///{tmp_path / 'yesterday.db'}" if is_file else database_named(url, "yesterday")
    copy_database(url, yesterday)
    pushes.change([here["id"]], opt_in=False)
    rig.org.records.update(SObject.CONTACT, there["salesforce_id"], {"HasOptedOutOfEmail": True})
    rig.clock.move(minutes=30)
    rig.pull()
    rig.clock.move(hours=20)
    for one in ("-wal", "-shm") if is_file else ():
        Path(f"{sqlite_file(url)}{one}").unlink(missing_ok=True)
    copy_database(yesterday, url)
    assert {pushes.customer(one["id"])["opt_in"] for one in (here, there)} == {True}, "it is yesterday's"

    runs[again]()

    assert [view(rig, one["id"]) for one in (here, there)] == [(False, "said no")] * 2
    assert pushes.have_opted_out([here["id"], there["id"]])
