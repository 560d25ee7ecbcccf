"""Deploying metadata: through both gates, with the session renewed, and with failures a person can read."""

import io
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from crm_sync.errors import AuthorizationError, LimitReachedError, SalesforceUnavailableError
from crm_sync.salesforce.metadata.deployment import Deployment, read_deployment, start_deployment, wait_for_deployment
from crm_sync.salesforce.metadata.package import build_package
from standins.salesforce.http.faults import Action, Fault
from tests.salesforce.conftest import Rig, no_wait

LEADS = "ClangLeadContactMoment__c"
CONTACTS = "ClangContactContactMoment__c"
PROJECT = Path(__file__).resolve().parents[2] / "deployments" / "salesforce"


@pytest.fixture
def content() -> bytes:
    """Return the zip of our own objects."""
    return build_package(PROJECT).content


def without(content: bytes, ending: str) -> bytes:
    """Return a zip without the files of this ending."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(target, "w") as part:
        for name in whole.namelist():
            if not name.endswith(ending):
                part.writestr(name, whole.read(name))
    return target.getvalue()


def started(rig: Rig, content: bytes) -> Callable[[], Deployment]:
    """Begin a deployment, and return how to look at it."""
    return partial(read_deployment, rig.org, start_deployment(rig.org, content))


def test_deployed_objects_are_in_the_org(rig: Rig, content: bytes) -> None:
    deployment = wait_for_deployment(started(rig, content), no_wait)

    assert (deployment.succeeded, deployment.failures) == (True, ())
    assert {LEADS, CONTACTS} <= set(rig.standin.schema)


def test_looks_get_rarer_and_every_one_passes_the_gates(rig: Rig, content: bytes) -> None:
    rig.standin.settings.deployment_polls = 3
    waited: list[float] = []

    wait_for_deployment(started(rig, content), waited.append)

    assert waited == [1, 2, 4, 8]
    kinds = rig.stop_and_read_kinds()
    assert kinds == ["login", *["metadata"] * 5]
    assert len(rig.ledger.reserved) == len(rig.ledger.settled) == rig.turns.taken == len(kinds)


def test_component_failure_names_the_component_and_its_problem(rig: Rig, content: bytes) -> None:
    deployment_id = start_deployment(rig.org, without(content, "DeployteqIntegration.permissionset"))

    deployment = wait_for_deployment(partial(read_deployment, rig.org, deployment_id), no_wait)

    assert (deployment.is_done, deployment.succeeded) == (True, False)
    [failure] = deployment.failures
    assert failure.sentence().startswith("PermissionSet DeployteqIntegration: An object 'DeployteqIntegration'")
    assert failure.sentence().endswith("was not found in zipped directory.")
    assert LEADS not in rig.standin.schema


def test_failure_of_the_whole_is_one_sentence(rig: Rig, content: bytes) -> None:
    rig.standin.deployments.fail_next("Custom objects\n  are used up.")

    deployment = wait_for_deployment(started(rig, content), no_wait)

    assert [failure.sentence() for failure in deployment.failures] == ["The deployment: Custom objects are used up."]


def test_session_that_ends_in_the_middle_is_renewed_once(rig: Rig, content: bytes) -> None:
    deployment_id = start_deployment(rig.org, content)
    rig.standin.logins.expire_all()

    assert wait_for_deployment(partial(read_deployment, rig.org, deployment_id), no_wait).succeeded

    assert rig.stop_and_count_logins() == 2


def test_session_that_ended_before_does_not_deploy_twice(rig: Rig, content: bytes) -> None:
    assert rig.org.session
    rig.standin.logins.expire_all()

    start_deployment(rig.org, content)

    journal = rig.stop_and_read_journal()
    assert [(entry.kind, entry.status) for entry in journal] == [
        ("login", 200),
        ("metadata", 500),
        ("login", 200),
        ("metadata", 200),
    ]


def test_used_up_day_is_the_limit_and_not_a_failure(rig: Rig, content: bytes) -> None:
    assert rig.org.session
    rig.standin.settings.daily_limit = 0

    with pytest.raises(LimitReachedError):
        start_deployment(rig.org, content)


def test_refused_deployment_names_the_missing_permission(rig: Rig, content: bytes) -> None:
    refusal = [{"errorCode": "INSUFFICIENT_ACCESS", "message": "use of the Metadata API requires a user with ..."}]
    rig.standin.faults.add(Fault("status", path="/Soap/m/", status=500, body=refusal))

    with pytest.raises(AuthorizationError, match="Modify Metadata Through Metadata API Functions"):
        start_deployment(rig.org, content)


def test_answer_that_broke_off_can_be_asked_for_again(rig: Rig, content: bytes) -> None:
    deployment_id = start_deployment(rig.org, content)
    actions: tuple[Action, ...] = ("truncate", "empty")
    for action in actions:
        rig.standin.faults.add(Fault(action, path="/Soap/m/", status=200))
        with pytest.raises(SalesforceUnavailableError):
            read_deployment(rig.org, deployment_id)
    assert read_deployment(rig.org, deployment_id).id == deployment_id
