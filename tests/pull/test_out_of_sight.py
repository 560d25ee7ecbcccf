"""An object, a parent or a field that the integration user may not see is named, and the rest goes on."""

from collections.abc import Callable
from typing import Any

import pytest
from prefect.client.schemas.objects import State
from sqlalchemy import Boolean, Column, Integer, MetaData, Table

from crm_sync.database.tables.consent import consent_gap
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.errors import AuthorizationError
from crm_sync.mapping.model import CustomerFieldKind, FieldLink
from crm_sync.sobject import SObject
from flows.check_connection import check_connection
from flows.incremental_pull import incremental_pull
from tests.rigs.org import Rig, artifact

pytestmark = pytest.mark.flow


_MAILABLE = Table("customer_mailable", MetaData(), Column("customer_id", Integer), Column("is_mailable", Boolean))


def link(rig: Rig, field: str, name: str) -> None:
    rig.mapping.contact.links.append(FieldLink(salesforce_field=field, kind=CustomerFieldKind.OPTION, name=name))


def objects(rig: Rig) -> set[str]:
    return {row["salesforce_object"] for row in rig.rows(customer)}


def test_an_object_without_access_is_named_and_the_other_one_is_read(rig: Rig) -> None:
    del rig.org.schema["Lead"]

    state = rig.state()

    assert state.name in {"CompletedWithMissingFields", "CompletedWithRejects"}
    assert "no access to Lead: give it Read on Lead, or take it out of the mapping" in str(state.message)
    assert objects(rig) == {"Contact"}
    checked = check_connection(**rig.blocks(), return_state=True)
    assert checked.name == "CompletedWithMissingFields"
    assert "no access to Lead" in str(checked.message)


def test_a_pull_that_sees_an_object_no_longer_goes_on_with_the_other_one(synced: Rig) -> None:
    leads = sum(not lead["IsDeleted"] for lead in synced.people("Lead"))
    contact = synced.people("Contact")[0]["Id"]
    hidden = synced.org.schema.pop("Lead")
    synced.org.records.update("Contact", contact, {"Title": "Poet"})

    state = incremental_pull(**synced.blocks(), return_state=True)

    assert "Lead was left out" in str(state.message)
    assert state.name == "OptOutsUnknown", "nobody knows any more which of the leads say no"
    assert {row["sobject"] for row in synced.rows(consent_gap)} == {"Lead"}
    assert synced.requests() == ["composite"], "the other object came with the same request"
    assert [row["job_title"] for row in synced.rows(customer) if row["salesforce_id"] == contact] == ["Poet"]
    assert sum(row["sobject"] == "Lead" and not row["is_deleted"] for row in synced.rows(salesforce_record)) == leads

    synced.org.schema["Lead"] = hidden
    assert synced.pull().state == "Completed", "access that is given again is used by the next pull"
    assert synced.rows(consent_gap) == []


@pytest.mark.parametrize("salesforce_field", ["HasOptedOutOfEmail", "Email_Opt_In__c"])
def test_nobody_is_mailable_by_an_opt_out_that_is_not_seen_any_more(synced: Rig, salesforce_field: str) -> None:
    if salesforce_field != "HasOptedOutOfEmail":
        links = [link for link in synced.mapping.contact.links if link.name != "opt_in"]
        synced.mapping.contact.links = [*links, FieldLink(salesforce_field=salesforce_field, name="opt_in")]
        synced.sync(approve_changes=True)
    contact = next(row["Id"] for row in synced.people("Contact") if not row["IsDeleted"])
    said_no = {"HasOptedOutOfEmail": True, "Email_Opt_In__c": False}
    synced.org.hide_fields("Contact", salesforce_field)
    synced.org.records.update("Contact", contact, {salesforce_field: said_no[salesforce_field]})

    runs: list[Callable[[], State[Any]]] = [
        lambda: incremental_pull(**synced.blocks(), return_state=True),
        synced.state,
    ]
    for run in runs:
        state = run()
        assert state.name == "OptOutsUnknown"
        assert "it is not known any more which contacts said no, so they are not mailable" in str(state.message)
        assert f"Contact does not show {salesforce_field}" in str(state.message)
        contacts = {row["id"] for row in synced.rows(customer) if row["salesforce_object"] == "Contact"}
        mailable = {row["customer_id"] for row in synced.rows(_MAILABLE) if row["is_mailable"]}
        assert contacts
        assert not contacts & mailable


def test_a_full_sync_that_sees_an_object_no_longer_deletes_nobody(synced: Rig) -> None:
    before = synced.result()
    synced.org.schema.pop("Lead")

    assert "no access to Lead" in str(synced.state().message)

    kept = {row["salesforce_id"] for row in before["customer"]}
    assert {row["salesforce_id"] for row in synced.rows(customer)} == kept
    assert [row for row in synced.rows(customer) if row["deleted_in_salesforce_at"]] == []


def test_no_object_with_access_ends_the_run_with_what_to_do(synced: Rig) -> None:
    for name in SObject:
        del synced.org.schema[name]
    for run in (synced.sync, synced.pull):
        with pytest.raises(AuthorizationError, match=r"access to (Contact|Lead).* and .*access to (Lead|Contact)"):
            run()


@pytest.mark.parametrize("path", ["Account.Name", "ReportsTo.Account.Name", "Account.Parent.Name"])
def test_a_parent_without_access_is_a_missing_field(rig: Rig, path: str) -> None:
    link(rig, path, "company")
    del rig.org.schema["Account"]

    summary = rig.sync()

    assert summary.missing_fields[SObject.CONTACT] == [path]
    assert objects(rig) == {"Contact", "Lead"}


def test_a_parent_that_a_pull_no_longer_sees_is_a_missing_field(rig: Rig) -> None:
    link(rig, "Account.Name", "company")
    rig.sync()
    contact = rig.people("Contact")[0]["Id"]
    del rig.org.schema["Account"]
    rig.org.records.update("Contact", contact, {"Title": "Poet"})

    summary = rig.pull()

    assert summary.missing_fields[SObject.CONTACT] == ["Account.Name"]
    assert [row["job_title"] for row in rig.rows(customer) if row["salesforce_id"] == contact] == ["Poet"]


@pytest.mark.parametrize("field", ["ConvertedContactId", "IsConverted", "MasterRecordId"])
def test_a_field_that_every_sync_reads_is_checked_and_named(rig: Rig, field: str) -> None:
    rig.org.hide_fields("Lead", field)

    checked = check_connection(**rig.blocks(), return_state=True)

    assert checked.name == "CompletedWithMissingFields"
    assert f"does not show Lead.{field}, which every sync reads" in str(checked.message)
    assert f"Lead.{field}" in rig.sync().sentence()
    assert objects(rig) == {"Contact"}


def test_formula_fields_are_marked_in_the_check(rig: Rig) -> None:
    rig.org.change_field("Contact", "Score__c", createable=False, updateable=False, calculated=True)
    link(rig, "Score__c", "score")
    link(rig, "Account.Name", "company")
    check_connection(**rig.blocks())
    rows = [row for row in artifact("connection").splitlines() if "full sync of each week" in row]
    assert [("Score" in row, "Account" in row) for row in rows] == [(True, False), (False, True)]


def test_an_encrypted_text_of_which_the_user_sees_a_mask_is_as_good_as_hidden(rig: Rig) -> None:
    contact = next(row for row in rig.people("Contact") if not row["IsDeleted"] and row["Email"])
    rig.org.records.update("Contact", contact["Id"], {"Title": "NL12345678"})
    rig.org.change_field("Contact", "Title", type="encryptedstring", length=175)
    rig.sync()
    assert _titles(rig, contact) == ["NL12345678"]

    rig.org.mask_fields("Contact", "Title")
    rig.org.records.update("Contact", contact["Id"], {"Department": "Moved"})
    state = incremental_pull(**rig.blocks(), return_state=True)
    assert state.name == "CompletedWithMissingFields"
    assert "Contact does not show Title" in str(state.message)
    assert _titles(rig, contact) == ["NL12345678"], "a mask never comes over a value"
    assert "Title" in str(check_connection(**rig.blocks(), return_state=True).message)
    assert "Title" in str(rig.state().message)
    assert not [row for row in rig.rows(salesforce_record) if "****" in str(row)]

    rig.org.change_field("Contact", "Title", masked=False)
    rig.org.settings.views_encrypted_data = True
    rig.org.records.update("Contact", contact["Id"], {"Title": "NL87654321"})
    assert "Title" not in rig.sync().sentence()
    assert _titles(rig, contact) == ["NL87654321"]


def _titles(rig: Rig, contact: dict[str, Any]) -> list[str]:
    return [row["job_title"] for row in rig.rows(customer) if row["salesforce_id"] == contact["Id"]]
