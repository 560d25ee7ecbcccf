"""Reading what records outside of the mapping's condition say of consent."""

from collections.abc import Iterable, Iterator

import pandas as pd
from prefect import task

from crm_sync.customers.bystanders_store import land_bystanders
from crm_sync.customers.landing_context import LandingContext
from crm_sync.database.engine import CustomerDatabase
from crm_sync.mapping.bystanders import consent_of_bystanders, map_bystanders
from crm_sync.mapping.checked import ResolvedMapping
from crm_sync.sobject import SObject
from tasks.run.reading import frames_in_bulk
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import Run


def bystanders(
    run: Run, checked: ResolvedMapping, sobject: SObject, frames: Iterable[pd.DataFrame]
) -> Iterator[pd.DataFrame]:
    """Map frames that were read for an object's bystanders."""
    mapping = consent_of_bystanders(checked.rules.of(sobject))
    if mapping is not None:
        for frame in frames:
            yield map_bystanders(frame, sobject, mapping, checked.types[sobject], run.database.hashes)


def read_all_bystanders(run: Run, checked: ResolvedMapping, landing: LandingContext, sobject: SObject) -> None:
    """Read every record of an object for consent with a Bulk job, if its mapping has a condition; a run that was cut
    here reads them anew."""
    if query := checked.bystanders(sobject):
        for batch in bystanders(run, checked, sobject, frames_in_bulk(run, query)):
            _store(run.database, batch, sobject, landing)


@task(task_run_name="store consent of {sobject} bystanders", **IN_MEMORY)
def _store(database: CustomerDatabase, batch: pd.DataFrame, sobject: SObject, landing: LandingContext) -> None:
    with database.transaction() as connection:
        land_bystanders(connection, batch, sobject, landing)
