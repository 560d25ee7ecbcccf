"""A pull after the mapping, or what Salesforce shows of it, has changed."""

from pathlib import Path

import pytest

from blocks.data_mapping import DataMapping
from crm_sync.database.tables.customers import customer
from crm_sync.errors import MappingError
from crm_sync.mapping.model import CustomerFieldKind, FieldLink
from crm_sync.sobject import SObject
from tests.rigs.org import FEW, Rig, start_rig
from tests.rigs.pulls import add_contact, agrees_with_full_sync, by_unique_field, customers_by_key

pytestmark = pytest.mark.flow


def test_pull_before_any_full_sync_does_nothing_but_say_so(tmp_path: Path, sqlite_url: str) -> None:
    with start_rig(tmp_path, sqlite_url, people=FEW) as rig:
        summary = rig.pull()
        assert (summary.state, rig.requests(), rig.rows(customer)) == ("FullSyncDue", [], [])
        assert "Contact is due, because it was never read whole" in summary.sentence()

        assert rig.pull(full_sync_first=True).state == "Completed"
        assert rig.rows(customer)


def test_changed_mapping_is_pulled_as_far_as_it_goes_and_told(synced: Rig) -> None:
    contact = synced.mapping.contact
    score = FieldLink(salesforce_field="Score__c", kind=CustomerFieldKind.OPTION, name="score")
    synced.mapping = DataMapping(contact=contact.model_copy(update={"links": [*contact.links, score]}))
    add_contact(synced, Email="new@example.org", Score__c=7)

    summary = synced.pull()

    assert (summary.state, list(summary.full_sync_due)) == ("FullSyncDue", [SObject.CONTACT])
    assert "its mapping has changed" in summary.sentence()
    assert customers_by_key(synced)["new@example.org"]["options"]["score"] == 7
    assert synced.pull().state == "FullSyncDue", "only a full sync settles it"
    synced.sync(objects=["Contact"])
    synced.org.journal.clear()
    assert (synced.pull().state, synced.requests()) == ("Completed", ["composite"])


def test_new_link_that_cannot_be_is_refused_before_anything_is_read(synced: Rig) -> None:
    contact = synced.mapping.contact
    address = FieldLink(salesforce_field="MailingAddress", kind=CustomerFieldKind.OPTION, name="address")
    synced.mapping = DataMapping(contact=contact.model_copy(update={"links": [*contact.links, address]}))

    with pytest.raises(MappingError, match="MailingAddress is made of several fields"):
        synced.pull()
    assert "composite" not in synced.requests()


def test_another_unique_field_waits_for_a_full_sync(synced: Rig) -> None:
    before = synced.rows(customer)
    synced.mapping = by_unique_field("Id")
    add_contact(synced, Email="new@example.org")

    summary = synced.pull()

    assert (summary.state, set(summary.full_sync_due)) == ("FullSyncDue", {SObject.CONTACT, SObject.LEAD})
    assert (synced.rows(customer), synced.requests()) == (before, [])


def test_vanished_field_is_left_out_and_told(synced: Rig) -> None:
    before = synced.mapping.model_copy()
    titles = {key: row["job_title"] for key, row in customers_by_key(synced).items()}
    synced.org.hide_fields("Contact", "Title")
    add_contact(synced, Email="new@example.org")

    summary = synced.pull()

    assert (summary.state, summary.missing_fields[SObject.CONTACT]) == ("CompletedWithMissingFields", ["Title"])
    assert (customers_by_key(synced)["new@example.org"]["lastname"], synced.mapping) == ("Lovelace", before)
    assert {key: row["job_title"] for key, row in customers_by_key(synced).items() if key in titles} == titles
    synced.org.journal.clear()
    assert (synced.pull().state, synced.requests()) == ("CompletedWithMissingFields", ["composite"])


def test_object_that_was_left_out_for_a_while_is_due_when_it_is_back(synced: Rig) -> None:
    both = synced.mapping
    synced.mapping = DataMapping(contact=both.contact.model_copy(update={"links": []}), lead=both.lead)
    assert synced.pull().state == "Completed"

    synced.mapping = both
    summary = synced.pull()

    assert (summary.state, list(summary.full_sync_due)) == ("FullSyncDue", [SObject.CONTACT])
    synced.sync(objects=["Contact"])
    assert synced.pull().state == "Completed"


def test_object_that_was_never_read_costs_the_pulls_of_the_other_nothing(tmp_path: Path, sqlite_url: str) -> None:
    with start_rig(tmp_path, sqlite_url, people=FEW) as rig:
        rig.sync(objects=["Contact"])
        rig.org.journal.clear()
        add_contact(rig, Email="new@example.org")

        summary = rig.pull()

        assert (summary.state, list(summary.full_sync_due)) == ("FullSyncDue", [SObject.LEAD])
        assert rig.requests() == ["composite"]
        assert "new@example.org" in customers_by_key(rig)
        rig.sync(objects=["Lead"])
        assert rig.pull().state == "Completed"
        agrees_with_full_sync(rig)
