"""Checks the contact moment objects in Salesforce, and installs them."""

from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from prefect import get_run_logger, task

from crm_sync.errors import ConfigurationError
from crm_sync.moments import results_store
from crm_sync.moments.object_checks import INTEGRATION_SET, MomentObjectsReport, ObjectCheck, check_object
from crm_sync.moments.objects import MomentObject, MomentObjects
from crm_sync.salesforce.metadata import permission_sets
from crm_sync.salesforce.metadata.deployment import Deployment, read_deployment, start_deployment, wait_for_deployment
from crm_sync.salesforce.metadata.package import Package, build_package
from crm_sync.salesforce.metadata.permission_sets import Access, Assignment
from crm_sync.salesforce.org import SalesforceOrg
from tasks.run.retry_policy import TALKS_TO_SALESFORCE
from tasks.run.run import Run

# Seconds before each look after an installation: Salesforce may show new fields and permissions a little later.
_LOOKS = (0.0, 5.0, 20.0)
_PROJECT = Path(__file__).resolve().parents[2] / "deployments" / "salesforce"


@task(task_run_name="check {moments.name}", **TALKS_TO_SALESFORCE)
def check_moment_object(org: SalesforceOrg, moments: MomentObject) -> ObjectCheck:
    """Check one object by its description."""
    return check_object(org, moments)


@task(task_run_name="assign permission set", **TALKS_TO_SALESFORCE)
def assign_permission_set(org: SalesforceOrg, *, check_only: bool) -> Assignment:
    """Give the integration user its permission set, if the org has it."""
    return permission_sets.assign_permission_set(org, INTEGRATION_SET, check_only=check_only)


@task(task_run_name="start installation", **TALKS_TO_SALESFORCE)
def start_installation(org: SalesforceOrg, package: Package) -> str:
    """Hand the objects over to Salesforce; a repeat installs the same once more, which changes nothing."""
    return start_deployment(org, package.content)


@task(task_run_name="read installation", **TALKS_TO_SALESFORCE)
def read_installation(org: SalesforceOrg, deployment_id: str) -> Deployment:
    """Return how far the installation is."""
    return read_deployment(org, deployment_id)


def requeue_refused(run: Run) -> None:
    """Make moments due that were refused while the objects, or rights to them, were missing."""
    with run.database.transaction() as connection:
        results_store.requeue_refused(connection)


def install_or_check(run: Run, objects: MomentObjects, *, check_only: bool) -> MomentObjectsReport:
    """Check the objects, and install ours where a part of them is missing; another package's are only checked."""
    assignment: Assignment | None = None
    deployment: Deployment | None = None
    installed: dict[str, tuple[str, ...]] = {}
    if objects.are_ours:
        # First, since without its permission set the user sees nothing of objects that are there.
        assignment = assign_permission_set(run.org, check_only=check_only)
    found = _check(run.org, objects)
    if assignment is not None and _is_missing(found) and not check_only:
        package = _package(found)
        deployment = _install(run, package)
        if deployment.succeeded:
            installed = package.members
            again = assign_permission_set(run.org, check_only=False)
            assignment = assignment if again.access is Access.HAD_IT else again
            found = _check_until_complete(run, objects)
    return MomentObjectsReport(
        objects=found,
        installed=installed,
        failures=deployment.failures if deployment else (),
        assignment=assignment,
        check_only=check_only,
        org_host=urlsplit(run.org.session.instance_url).netloc,
        requests_used=run.ledger.used,
    )


def _check(org: SalesforceOrg, objects: MomentObjects) -> tuple[ObjectCheck, ...]:
    return tuple(check_moment_object(org, one) for one in objects.both)


def _check_until_complete(run: Run, objects: MomentObjects) -> tuple[ObjectCheck, ...]:
    for delay in _LOOKS:
        run.sleep(delay)
        found = _check(run.org, objects)
        if not _is_missing(found):
            break
    return found


def _is_missing(found: tuple[ObjectCheck, ...]) -> bool:
    return any(one.missing for one in found)


def _package(found: tuple[ObjectCheck, ...]) -> Package:
    """Return the package to install, without the page layouts of existing objects, which somebody may have changed."""
    if not _PROJECT.is_dir():
        raise ConfigurationError(
            f"The folder {_PROJECT} with the Salesforce objects is missing; check out the project."
        )
    there = tuple(f"{one.name}-" for one in found if one.exists)
    return build_package(_PROJECT, lambda kind, name: kind != "Layout" or not name.startswith(there))


def _install(run: Run, package: Package) -> Deployment:
    deployment_id = start_installation(run.org, package)
    get_run_logger().info("Salesforce installs the contact moment objects (deployment %s).", deployment_id)
    return wait_for_deployment(partial(read_installation, run.org, deployment_id), run.sleep)
