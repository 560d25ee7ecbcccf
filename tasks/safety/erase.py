"""Erasing a person, in one transaction."""

from prefect import task

from crm_sync.database.engine import CustomerDatabase
from crm_sync.erasure.person_store import Erased, erase, find_person
from crm_sync.organisation.bound_store import read_bound
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import utc_now


@task(task_run_name="erase one person", **IN_MEMORY)
def erase_person(database: CustomerDatabase, who: str, *, dry_run: bool) -> tuple[Erased, str]:
    """Return what was erased, and the host of the org where the person's records are; a dry run keeps everything."""
    with database.transaction() as connection:
        bound = read_bound(connection)
        person = find_person(connection, database.hashes, who)
        erased = erase(connection, database.hashes, person, utc_now())
        if dry_run:
            connection.rollback()
    return erased, bound.host if bound else ""
