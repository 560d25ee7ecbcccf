"""Taking a run back and erasing a person as people do it: through the flows, with their pages, and what comes after."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prefect.logging.handlers import APILogHandler
from sqlalchemy import update

from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.database.tables.consent import address_consent, consent_event
from crm_sync.database.tables.customers import customer, metadata, rejected_record, salesforce_record
from crm_sync.errors import ConfigurationError
from crm_sync.moments.record_store import record_moments
from flows.campaign_push import campaign_push
from flows.erase_customer import erase_customer
from flows.undo_run import undo_run
from tasks.run.run import utc_now
from tests.rigs.org import Rig, artifact, start_rig
from tests.rigs.pulls import add_contact, customers_by_key

pytestmark = [pytest.mark.flow, pytest.mark.both]

ADA, BOB, NEW = "ada@planted.example", "bob@planted.example", "ada.new@planted.example"
NAME, RENAMED = "Plantedlovelace", "Plantedbyron"


def _two_people(rig: Rig) -> None:
    add_contact(rig, LastName=NAME, Email=ADA, Title="Poet", MailingCity="Utrecht")
    add_contact(rig, LastName="Other", Email=BOB)
    rig.sync()
    rig.clock.move(hours=1)


@pytest.fixture
def two(tmp_path: Path, database_url: str) -> Iterator[Rig]:
    """Start an org of two contacts that were synced an hour ago."""
    with start_rig(tmp_path, database_url, 0, _two_people) as rig:
        yield rig


def _ids(rig: Rig) -> dict[str, str]:
    return {row["Email"]: row["Id"] for row in rig.people("Contact")}


@pytest.fixture
def spoiled(two: Rig) -> Rig:
    """Pull a mass mistake: other values, another address with a no, and a deletion."""
    ada, bob = _ids(two)[ADA], _ids(two)[BOB]
    changes = {"LastName": RENAMED, "Title": None, "Email": NEW, "HasOptedOutOfEmail": True}
    two.org.records.update("Contact", ada, changes)
    two.org.records.delete("Contact", bob)
    two.pull()
    return two


def _number(page: str, flow: str) -> int:
    """Return the number of the newest run of a flow on the page of runs."""
    cells = [line.strip("| ").split(" | ") for line in page.splitlines() if f"| {flow} |" in line]
    return int(cells[0][0])


def test_a_run_is_found_on_the_page_shown_and_taken_back_but_for_the_no(spoiled: Rig) -> None:
    rig = spoiled
    undo_run(database=rig.customers)
    run = _number(artifact("undo-run"), "incremental-pull")
    before = rig.rows(customer)

    shown = undo_run(run, database=rig.customers)

    assert shown.startswith("2 customers would get back")
    assert "| email_address | 1 |" in artifact("undo-run")
    assert "| deleted in Salesforce | 1 |" in artifact("undo-run")
    assert rig.rows(customer) == before
    assert undo_run(run, database=rig.customers, dry_run=False).startswith("2 customers got back")
    page = artifact("undo-run")
    assert not [value for value in (ADA, NEW, NAME, RENAMED, "Poet") if value in page + artifact("undo-run-list")]
    people = {row["salesforce_id"]: row for row in rig.rows(customer)}
    (ada,) = [row for row in people.values() if row["lastname"] == NAME]
    (bob,) = [row for row in people.values() if row["lastname"] == "Other"]
    assert (ada["email_address"], ada["job_title"], ada["city"]) == (ADA, "Poet", "Utrecht")
    assert (bob["deleted_in_salesforce_at"], bob["mail_status"]) == (None, None)
    assert ada["opt_in"] is False
    rig.clock.move(hours=1)
    assert rig.pull().state == "Completed"
    assert not any(row["opt_in"] for row in rig.rows(customer) if row["lastname"] == NAME)
    again = [row["Id"] for row in rig.people("Contact") if row["HasOptedOutOfEmail"]]
    assert again == [_ids(rig)[NEW]]


def test_what_was_taken_back_can_be_taken_back_itself(spoiled: Rig) -> None:
    rig = spoiled
    undo_run(database=rig.customers)
    run = _number(artifact("undo-run"), "incremental-pull")
    undo_run(run, database=rig.customers, dry_run=False)
    undo_run(database=rig.customers)

    undo_run(_number(artifact("undo-run"), "undo-run"), database=rig.customers, dry_run=False)

    ada = next(row for row in rig.rows(customer) if row["city"] == "Utrecht")
    assert (ada["lastname"], ada["email_address"], ada["opt_in"]) == (RENAMED, NEW, False)
    with pytest.raises(ConfigurationError, match="Nothing is kept that run 999"):
        undo_run(999, database=rig.customers)


@pytest.fixture
def known_everywhere(spoiled: Rig) -> Rig:
    """Let the person have old values, a moment, outputs, a place in a queue, a rejected record, and a no."""
    rig = spoiled
    ada = customers_by_key(rig)[NEW]["id"]
    with closing(rig.customers.open()) as database:
        moment = {"moment_id": "m1", "customer_id": ada, "sent_at": utc_now(), "subject": f"Dear {NAME}"}
        record_moments(database, [moment], utc_now())
    step = SalesforceSynchronize(fields=["Title"])
    campaign_push("spring", **rig.blocks(), settings=step, customer_ids=[ada])
    return rig


def _set_second_address(rig: Rig, number: int, address: str | None) -> None:
    with closing(rig.customers.open()) as database, database.transaction() as connection:
        values = {"alternate_email_address": address}
        connection.execute(update(customer).where(customer.c.id == number).values(values))


def _everything(rig: Rig, *, but: tuple[Any, ...] = ()) -> str:
    return repr([rig.rows(table) for table in metadata.sorted_tables if table not in but])


@pytest.mark.usefixtures("logs_are_kept")
def test_an_erased_person_is_nowhere_and_comes_back_with_no_sync(known_everywhere: Rig, prefect_home: Path) -> None:
    rig = known_everywhere
    record = _ids(rig)[NEW]
    ada = customers_by_key(rig)[NEW]["id"]
    (other,) = [row["id"] for row in rig.rows(customer) if row["id"] != ada]
    _set_second_address(rig, other, NEW)
    before = rig.rows(customer)
    assert "would be erased" in erase_customer(str(ada), dry_run=True, database=rig.customers)
    assert f"second e-mail address of 1 other customer (number {other})" in artifact("erase-customer")
    assert rig.rows(customer) == before
    _set_second_address(rig, other, None)

    said = erase_customer(str(ada), database=rig.customers)

    assert said.endswith("were erased; in Salesforce 1 record of the person stays.")
    page = artifact("erase-customer")
    assert f"/{record})" in page
    assert "| contact moments | 1 |" in page
    assert "| outputs of campaigns | 1 |" in page
    for planted in (ADA, NEW, NAME, RENAMED):
        assert planted not in page + _everything(rig)
    # The ledger says which record said no, under the hash of the address; nothing else leads to it.
    assert record not in _everything(rig, but=(consent_event, address_consent))
    assert len(rig.rows(customer)) == 1
    rig.org.records.update("Contact", record, {"Title": "Countess"})
    rig.clock.move(hours=1)
    for summary in (rig.pull(), rig.sync(start_again=True)):
        assert (summary.total.erased, summary.total.rejected) == (1, 1)
        assert ("Contact", "the person was erased here", 1) in summary.rejects
        assert not any(record in repr(rig.rows(table)) for table in (customer, salesforce_record, rejected_record))
    with pytest.raises(ConfigurationError, match="Nothing is known of such a person"):
        erase_customer(NEW, database=rig.customers)
    APILogHandler().flush()
    kept = [path.read_bytes().decode("latin-1") for path in prefect_home.rglob("*") if path.is_file()]
    assert not [planted for planted in (ADA, NAME, RENAMED) if any(planted in text for text in kept)]
