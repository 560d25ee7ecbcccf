"""Records that were deleted, merged or converted: where their customers' changes go."""

import pytest

from crm_sync.sobject import SObject
from tests.rigs.pushes import Pushes

pytestmark = pytest.mark.flow


def test_deleted_record_leaves_by_error(pushes: Pushes) -> None:
    ids = pushes.enter_changed(2)
    pushes.rig.org.records.delete("Contact", pushes.record(ids[0])["Id"])

    result = pushes.push()

    assert result.error == {ids[0]}
    assert result.success == {ids[1]}
    assert [cause.code for cause in result.causes] == ["ENTITY_IS_DELETED"]
    assert pushes.state().name == "Completed"


def test_converted_leads_push_goes_to_its_contact(both_pushes: Pushes) -> None:
    lead = next(row for row in both_pushes.people(SObject.LEAD) if row["email_address"])
    contact_id = both_pushes.rig.org.records.convert(lead["salesforce_id"])
    both_pushes.rig.sync()
    both_pushes.change([lead["id"]], job_title="Converted", city="Delft")
    both_pushes.enter([lead["id"]])

    result = both_pushes.push(sobject="Lead", fields=["Title", "City"])

    assert result.success == {lead["id"]}
    record = next(row for row in both_pushes.rig.people("Contact") if row["Id"] == contact_id)
    assert (record["Title"], record["MailingCity"]) == ("Converted", "Delft")
    both_pushes.enter([lead["id"]])
    refused = both_pushes.push(sobject="Lead", fields=["Title"], follow_converted=False)
    assert [cause.code for cause in refused.causes] == ["CANNOT_UPDATE_CONVERTED_LEAD"]


def test_merge_losers_push_goes_to_its_master(pushes: Pushes) -> None:
    alone = [row for row in pushes.people() if "salesforce_lead_id" not in row["options"]]
    loser, master = alone[0], alone[1]
    pushes.rig.org.records.merge("Contact", master["salesforce_id"], loser["salesforce_id"])
    pushes.rig.sync()
    phone = pushes.record(master["id"])["MobilePhone"]
    pushes.change([loser["id"]], job_title="Survivor")
    pushes.enter([loser["id"]])

    assert pushes.push().success == {loser["id"]}

    assert pushes.record(master["id"])["Title"] == "Survivor"
    assert pushes.record(master["id"])["MobilePhone"] == phone != loser["mobile_phone"]
