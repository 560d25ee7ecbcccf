"""The customer database belongs to the org that a full sync reads, from then on."""

from collections.abc import Collection

from prefect import get_run_logger, task

from crm_sync.organisation.bound_store import OtherOrg, read_bound, refuse_other, store_bound
from crm_sync.organisation.other_org_store import count_of_before, forget_org
from crm_sync.sobject import SObject
from tasks.run.organisation import organisation_behind
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import Run


@task(task_run_name="note which org this is", **IN_MEMORY)
def bind_org(run: Run, mapped: Collection[SObject], other_org: OtherOrg) -> None:
    """Let the database belong to the org from now on; what was learned from another one is forgotten."""
    leads_to = organisation_behind(run.org.session)
    with run.database.transaction() as connection:
        bound = read_bound(connection)
        if bound is not None and not bound.is_same(leads_to):
            if other_org is OtherOrg.REFUSE:
                refuse_other(bound, leads_to)
            get_run_logger().warning("The database belonged to %s, and from now on to %s.", bound, leads_to)
            forget_org(connection, other_org, run.org_key, mapped, run.started_at)
        store_bound(connection, leads_to)


def left_of_org_before(run: Run, other_org: OtherOrg) -> int:
    """Return how many customers of the org before are left behind by a new start."""
    if other_org is not OtherOrg.NEW_START:
        return 0
    with run.database.transaction() as connection:
        return count_of_before(connection, run.started_at)
