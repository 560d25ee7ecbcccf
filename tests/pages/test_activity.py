"""What a person can look at after runs: what a pull brought, and the page of activity."""

from contextlib import closing

import pytest

from crm_sync.database.tables.customers import customer
from crm_sync.push.queue_store import enter_campaign
from flows.api_budget import api_budget
from tasks.run.run import utc_now
from tests.rigs.org import Rig, artifact

pytestmark = pytest.mark.flow


def test_pull_shows_which_records_it_brought_and_which_fields_but_no_values(rig: Rig) -> None:
    people = [row["Id"] for row in rig.people("Contact") if not row["IsDeleted"] and row["Email"]]
    lead = next(row["Id"] for row in rig.people("Lead") if not row["IsDeleted"] and not row["IsConverted"])
    rig.sync()
    rig.clock.move(hours=1)
    records = rig.org.records
    records.update("Contact", people[0], {"Title": "Plantedtitle", "Phone": "+31 6 555"})
    records.delete("Contact", people[1])
    records.merge("Contact", people[2], people[3])
    contact = records.convert(lead)
    new = records.insert("Contact", {"LastName": "Plantedname", "Email": "planted@person.example"})

    rig.pull()

    page = artifact("incremental-pull-changes")
    lines = {line.split("[")[1].split("]")[0]: line for line in page.splitlines() if "](" in line}
    assert lines[people[0]].endswith("| changed | Title, Phone |")
    assert lines[people[1]].endswith("| deleted |  |")
    assert f"| merged into {people[2]} |" in lines[people[3]]
    assert "| converted |" in lines[lead]
    assert lines[new].endswith("| new |  |")
    assert contact
    assert "lanted" not in page


def test_pull_without_news_leaves_the_page_as_it_is(rig: Rig) -> None:
    rig.sync()
    rig.clock.move(hours=1)
    rig.org.records.insert("Contact", {"LastName": "Newcomer", "Email": "newcomer@person.example"})
    rig.pull()
    before = artifact("incremental-pull-changes")

    rig.pull()

    assert artifact("incremental-pull-changes") == before


def test_activity_shows_runs_as_bars_and_what_waits(rig: Rig) -> None:
    rejected = rig.sync().total.rejected
    rig.sync()
    waiting = [row["id"] for row in rig.rows(customer)[:3]]
    with closing(rig.customers.open()) as database, database.transaction() as connection:
        enter_campaign(connection, "spring", waiting, utc_now())

    api_budget(rig.salesforce, rig.customers)

    page = artifact("activity")
    assert f"| rejected records | {rejected:,} |" in page
    assert "| campaign customers | 3 |" in page
    assert "### Full syncs" in page
    assert "### Pulls" not in page
    assert "█" in page
    assert page.count("| full-sync |") == 2
