"""Installing the contact moment objects: first run, second run, and everything that can stand in the way."""

from typing import Any

import pytest
from prefect.client.schemas.objects import State

from blocks.contact_moment_objects import ContactMomentObjects
from crm_sync.database.tables.customers import sync_run
from crm_sync.errors import ConfigurationError, FatalError, LimitReachedError
from crm_sync.moments.object_checks import INTEGRATION_SET, MomentObjectsReport
from crm_sync.moments.objects import MomentObjects
from flows.install_contact_moment_objects import install_contact_moment_objects
from standins.salesforce.http.faults import Fault
from standins.salesforce.schema.common_fields import record_id, reference, stamps
from standins.salesforce.schema.fields import Field, SObject
from tests.rigs.breakers import let_the_pause_pass
from tests.rigs.moments import MomentRig, add_moment_objects
from tests.rigs.org import Rig, artifact

pytestmark = pytest.mark.flow

LEADS, CONTACTS = (moments.name for moments in MomentObjects().both)


@pytest.fixture
def org(empty_rig: Rig) -> Rig:
    """Give an org with permission sets, ours among them."""
    standin = empty_rig.org
    of_set = (Field("Name", "Name", length=80), Field("NamespacePrefix", "Namespace Prefix", length=15))
    to_set = reference("PermissionSetId", "PermissionSet ID", "PermissionSet")
    of_assignment = (reference("AssigneeId", "Assignee ID", "User"), to_set)
    for name, prefix, fields in (("PermissionSet", "0PS", of_set), ("PermissionSetAssignment", "0Pa", of_assignment)):
        standin.add_object(SObject(name, f"{name}s", prefix, (record_id(name), *fields, *stamps())))
    standin.records.insert("PermissionSet", {"Name": INTEGRATION_SET})
    return empty_rig


def install(rig: Rig, **options: Any) -> MomentObjectsReport:
    """Run the flow as a Python caller does."""
    report: MomentObjectsReport = install_contact_moment_objects(rig.salesforce, rig.customers, **options)
    return report


def state_of(rig: Rig, **options: Any) -> State[MomentObjectsReport]:
    """Run the flow and return its final state, as the Prefect UI shows it."""
    state: State[MomentObjectsReport] = install_contact_moment_objects(
        rig.salesforce, rig.customers, **options, return_state=True
    )
    return state


def kinds(rig: Rig) -> list[str]:
    """Return the kinds of requests that the org got since the last call."""
    return MomentRig(rig).kinds()


def vendor_objects(rig: Rig, *, without: tuple[str, ...] = (), keyed: bool = True) -> ContactMomentObjects:
    """Put the objects of a managed package into the org, and return the block that names them."""
    block = ContactMomentObjects(namespace="clang", lead_object="Moment_Lead__c", contact_object="Moment_Contact__c")
    add_moment_objects(rig, block, without=without, keyed=keyed)
    return block


def test_first_run_installs_the_objects_and_gives_access(org: Rig) -> None:
    report = install(org)

    assert {LEADS, CONTACTS} <= set(org.org.schema)
    assert report.installed["CustomObject"] == (CONTACTS, LEADS)
    assert report.sentence().endswith("are installed and ready; what is left to do by hand is listed with the run.")
    assert org.org.records.count("PermissionSetAssignment") == 1
    page = artifact("contact-moment-objects")
    for sentence in (LEADS, CONTACTS, "in place", "Installed now", "Page Layouts", "Deployteq Contact Moments"):
        assert sentence in page
    assert "Assignments" in page
    assert "give the permission set" not in page.lower()
    assert [(row["flow"], row["state"]) for row in org.rows(sync_run)] == [
        ("install_contact_moment_objects", "Completed")
    ]
    assert report.requests_used == len(org.org.requests)


def test_moments_that_were_refused_before_go_after_the_installation(org: Rig) -> None:
    moments = MomentRig(org)
    moments.contact("grace")
    moments.pull()
    moments.record({"moment_id": "g1", "of": "grace"})
    assert moments.export().state == "CompletedWithRefusals"
    assert moments.export().total.added == 0

    install(org)

    assert moments.export().total.added == 1


def test_second_run_changes_nothing_and_says_so(org: Rig) -> None:
    install(org)
    kinds(org)

    report = install(org)

    assert report.sentence() == f"{LEADS} and {CONTACTS} are in place; nothing had to be changed."
    assert kinds(org) == ["query", "query", "describe", "describe"]
    assert org.org.records.count("PermissionSetAssignment") == 1
    assert "Installed now" not in artifact("contact-moment-objects")


def test_run_between_mends_what_is_missing_and_leaves_changed_layouts_alone(org: Rig) -> None:
    install(org)
    org.org.hide_fields(LEADS, "Opens__c")

    report = install(org)

    assert org.org.schema[LEADS].field("Opens__c") is not None
    assert "Layout" not in report.installed
    assert report.installed["CustomObject"] == (CONTACTS, LEADS)


def test_check_only_installs_nothing_and_says_what_is_missing(org: Rig) -> None:
    state = state_of(org, check_only=True)

    assert (state.name, state.is_failed()) == ("NotConfigured", True)
    assert f"no object {LEADS} (and 1 more, listed with the run); run this flow without" in str(state.message)
    assert LEADS not in org.org.schema
    assert org.org.records.count("PermissionSetAssignment") == 0
    assert f"no object {CONTACTS}." in artifact("contact-moment-objects")
    assert "metadata" not in kinds(org)


def test_refused_component_fails_the_run_with_its_problem(org: Rig) -> None:
    org.org.deployments.fail_next("You have reached the maximum number of custom objects")

    state = state_of(org)

    assert isinstance(state.result(raise_on_failure=False), FatalError)
    assert (state.name, state.is_failed()) == ("Failed", True)
    assert "installed nothing of them: The deployment: You have reached the maximum number" in str(state.message)
    assert LEADS not in org.org.schema
    assert [row["state"] for row in org.rows(sync_run)] == ["Failed"]
    page = artifact("contact-moment-objects")
    assert "- The deployment: You have reached the maximum" in page
    assert "by hand" not in page

    assert install(org).installed


def test_session_that_ends_in_the_middle_does_not_stop_the_installation(org: Rig) -> None:
    org.org.faults.add(Fault("expire_session", path="/Soap/m/", nth=2))

    assert install(org).installed

    answered = [entry.status for entry in org.org.requests if entry.kind == "metadata"]
    assert (answered[:3], set(answered[3:])) == ([200, 500, 200], {200})
    assert kinds(org).count("login") == 2


def test_lost_answer_to_the_installation_is_repeated_without_harm(org: Rig) -> None:
    org.org.faults.add(Fault("reset_after", path="/Soap/m/"))

    assert install(org).installed

    assert {LEADS, CONTACTS} <= set(org.org.schema)


def test_limit_in_the_middle_is_no_failure_and_the_next_run_goes_on(org: Rig) -> None:
    limit = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    org.org.faults.add(Fault("status", path="/Soap/m/", nth=2, status=403, body=limit))

    state = state_of(org)

    assert isinstance(state.result(raise_on_failure=False), LimitReachedError)
    assert state.name == "CutByLimit"
    assert [row["state"] for row in org.rows(sync_run)] == ["CutByLimit"]
    let_the_pause_pass(org)
    assert state_of(org).name == "Completed"


def test_permission_set_that_cannot_be_assigned_is_left_to_an_administrator(empty_rig: Rig) -> None:
    report = install(empty_rig)

    assert report.by_hand()[0].startswith("Give the permission set 'Deployteq Integration' to the integration user")
    assert report.by_hand()[0] in artifact("contact-moment-objects")


def test_objects_of_a_managed_package_are_only_checked(org: Rig) -> None:
    block = vendor_objects(org)

    report = install(org, objects=block)

    assert (report.by_hand(), report.assignment) == ([], None)
    assert "clang__Moment_Lead__c and clang__Moment_Contact__c are in place" in report.sentence()
    assert kinds(org) == ["login", "describe", "describe"]


def test_wrong_names_are_reported_one_by_one_and_nothing_is_installed(org: Rig) -> None:
    block = vendor_objects(org, without=("clang__Opens__c",)).model_copy(update={"contact_object": "Nowhere__c"})

    state = state_of(org, objects=block)

    assert isinstance(state.result(raise_on_failure=False), ConfigurationError)
    assert state.name == "NotConfigured"
    assert "correct the block 'Contact moment objects'" in str(state.message)
    page = artifact("contact-moment-objects")
    for sentence in ("no field clang__Moment_Lead__c.clang__Opens__c.", "no object clang__Nowhere__c."):
        assert f"- Salesforce shows the integration user {sentence}" in page
    assert LEADS not in org.org.schema
    assert "metadata" not in kinds(org)


def test_fields_that_are_there_but_unfit_are_reported(org: Rig) -> None:
    block = vendor_objects(org, keyed=False)
    fields = block.fields.model_copy(update={"sent_at": "Subject__c", "subject": "SentAt__c"})
    swapped = block.model_copy(update={"fields": fields, "lead_lookup": "CreatedById"})

    state_of(org, objects=swapped)

    page = artifact("contact-moment-objects")
    for sentence in (
        "clang__Moment_Lead__c.CreatedById does not look up a lead.",
        "clang__Moment_Lead__c.clang__SentAt__c is of type datetime, where a text is needed.",
        "clang__Moment_Lead__c.clang__Subject__c is of type string, where a date/time is needed.",
        "clang__Moment_Lead__c.clang__MomentId__c is not marked External ID",
    ):
        assert sentence in page


def test_block_that_is_not_there_is_one_sentence(org: Rig) -> None:
    state = state_of(org, objects="nowhere")

    assert state.name == "NotConfigured"
    assert "There is no block 'nowhere' of type 'Contact moment objects'" in str(state.message)
    assert kinds(org) == []
