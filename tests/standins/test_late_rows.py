"""Rows that show late, change between pages, or leave the recycle bin."""

from typing import Any

import pytest

from standins.salesforce.errors import RecordError
from standins.salesforce.org.org import Org
from standins.salesforce.people.seed import seed
from tests.standins.conftest import Client, Clock


def test_pending_writes_show_late_with_their_earlier_stamps(client: Client, org: Org, clock: Clock) -> None:
    lead_id = org.records.insert("Lead", {"LastName": "Old", "Company": "C"})
    pending = org.pending()
    pending.call("insert", "Contact", {"LastName": "New"})
    clock.move(minutes=1)
    pending.call("update", "Lead", lead_id, {"LastName": "Newer"})
    clock.move(minutes=8)
    assert client.query("SELECT Id FROM Contact").json()["totalSize"] == 0
    assert org.records.get("Lead", lead_id)["LastName"] == "Old"
    contact_id, _ = pending.commit()
    assert org.records.get("Contact", contact_id)["SystemModstamp"] == "2026-03-04T05:06:07.000Z"
    lead = org.records.get("Lead", lead_id)
    assert (lead["LastName"], lead["SystemModstamp"]) == ("Newer", "2026-03-04T05:07:07.000Z")


def test_pending_writes_show_all_or_none(org: Org) -> None:
    pending = org.pending()
    pending.call("insert", "Contact", {"LastName": "New"})
    pending.call("update", "Contact", "003000000000000AAA", {"LastName": "None"})
    with pytest.raises(RecordError):
        pending.commit()
    assert org.records.count("Contact") == 0
    with pytest.raises(ValueError, match="purge"):
        pending.call("purge", "Contact", "003000000000000AAA")


def pages(client: Client, org: Org, resource: str, between: Any) -> list[dict[str, Any]]:
    page = client.query("SELECT Id, LastName, IsDeleted FROM Contact ORDER BY LastName, Id", resource).json()
    rows = page["records"]
    between([row["Id"] for row in rows])
    return rows + client.http.get(client.url + page["nextRecordsUrl"], timeout=10).json()["records"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(("resource", "deleted_shows"), [("query", False), ("queryAll", True)])
def test_later_pages_can_show_what_changed_since(client: Client, org: Org, resource: str, deleted_shows: bool) -> None:
    org.settings.cursors_show_changes, org.settings.page_size = True, 3
    ids = [org.records.insert("Contact", {"LastName": f"L{n}"}) for n in range(6)]

    def between(_: Any) -> None:
        org.records.update("Contact", ids[3], {"LastName": "A changed"})
        org.records.delete("Contact", ids[4])
        org.records.insert("Contact", {"LastName": "Z new"})

    rows = pages(client, org, resource, between)
    expected = [*ids[:4], *([ids[4]] if deleted_shows else []), ids[5]]
    assert [row["Id"] for row in rows] == expected
    assert rows[3]["LastName"] == "A changed"
    assert [row["IsDeleted"] for row in rows if row["Id"] == ids[4]] == [True] * deleted_shows


def test_id_of_a_purged_record_is_never_given_again(org: Org) -> None:
    seed(org, 10, contacts_only=True)
    last = org.records.insert("Contact", {"LastName": "Last"})
    org.records.purge("Contact", last)
    assert org.records.insert("Contact", {"LastName": "Next"}) != last
