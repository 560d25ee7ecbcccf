"""The description of an org: one request for each part."""

import pytest

from crm_sync.errors import MappingError, QueryError, SalesforceUnavailableError
from crm_sync.salesforce.schema.describe import describe, identity, record_counts
from standins.salesforce.http.faults import Fault
from tests.salesforce.conftest import Rig


def test_describe_gives_each_field_by_name(rig: Rig) -> None:
    fields = describe(rig.org, "Lead")
    assert (fields["LastName"].type, fields["LastName"].length) == ("string", 80)
    assert fields["Email"].updateable
    assert not fields["Id"].updateable
    assert "Open - Not Contacted" in fields["Status"].picklist_values
    assert rig.stop_and_read_kinds() == ["login", "describe"]


def test_hidden_field_is_absent_and_an_unknown_object_is_a_query_error(rig: Rig) -> None:
    rig.standin.hide_fields("Lead", "HasOptedOutOfEmail")
    assert "HasOptedOutOfEmail" not in describe(rig.org, "Lead")
    with pytest.raises(QueryError):
        describe(rig.org, "Led")


def test_name_that_is_no_object_is_refused_before_a_request(rig: Rig) -> None:
    for name in ("", "Lead/describe", "../limits", "Lead,Contact", "__class__"):
        with pytest.raises(MappingError):
            describe(rig.org, name)
        with pytest.raises(MappingError):
            record_counts(rig.org, [name])
    assert rig.stop_and_read_journal() == []


def test_record_counts_of_both_objects_are_one_request(rig: Rig) -> None:
    assert record_counts(rig.org, ["Lead", "Contact"]) == {"Lead": 3, "Contact": 1}
    assert rig.stop_and_read_kinds() == ["login", "record_count"]


def test_identity_names_the_org_in_one_request(rig: Rig) -> None:
    record = {"Id": "00D000000000001EAA", "Name": "Demo Org", "IsSandbox": True}
    body = {"totalSize": 1, "done": True, "records": [record]}
    rig.standin.faults.add(Fault("status", path="/query", status=200, body=body))
    found = identity(rig.org)
    assert (found.organization_name, found.organization_id, found.is_sandbox) == (
        "Demo Org",
        "00D000000000001EAA",
        True,
    )
    assert found.user == "integration@demo.example"
    assert found.host in rig.server.url
    assert rig.stop_and_read_kinds() == ["login", "query"]


def test_answer_of_another_shape_is_unavailable(rig: Rig) -> None:
    rig.standin.faults.add(Fault("status", path="/", method="GET", status=200, body={"x": 1}, times=3))
    for question in (
        lambda: describe(rig.org, "Lead"),
        lambda: record_counts(rig.org, ["Lead"]),
        lambda: identity(rig.org),
    ):
        with pytest.raises(SalesforceUnavailableError):
            question()
