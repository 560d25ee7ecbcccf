"""What people have set on the schedules of a deployment stays when it is registered again."""

from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound

from crm_sync.push.typed_names import listed
from tasks.run.flow import unwrapped

# The slug of a schedule that comes with the deployment; one without it is a person's own.
BY_DEFAULT = "by-default"


def keep_schedules(client: SyncPrefectClient, deployment: RunnerDeployment) -> list[str]:
    """Keep the schedules that a person has switched off, and those that a person has made.

    A parameter of these that the flow does not have (any more) would crash each run before its first line: it is left
    out. Returns a sentence for each such schedule.
    """
    try:
        found = client.read_deployment_by_name(deployment.full_name)
    except ObjectNotFound:
        return []
    deployment.paused = found.paused
    ours = [one for one in found.schedules if one.slug == BY_DEFAULT]
    if ours and not any(one.active for one in ours):
        for schedule in deployment.schedules or []:
            schedule.active = False
    known = deployment._parameter_openapi_schema.model_dump()["properties"]
    own, said = [], []
    for one in found.schedules:
        if one.slug != BY_DEFAULT:
            unknown = sorted(one.parameters.keys() - known)
            own.append(_kept(one, known))
            if unknown:
                said.append(
                    f"A schedule of {deployment.name} gave {listed(unknown)}, which the flow does not have; left out."
                )
    if own:
        deployment.schedules = [*(deployment.schedules or []), *own]
    return said


def _kept(one: DeploymentSchedule, known: dict[str, Any]) -> DeploymentScheduleCreate:
    given = {name: unwrapped(value) for name, value in one.parameters.items() if name in known}
    return DeploymentScheduleCreate(schedule=one.schedule, active=one.active, parameters=given, slug=one.slug)
