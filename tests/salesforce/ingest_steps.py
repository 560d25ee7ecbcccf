"""An ingest job from its creation to its results, for tests."""

from functools import partial

import pandas as pd

from crm_sync.salesforce.write.bulk_ingest import (
    IngestJob,
    close_ingest_job,
    create_ingest_job,
    read_ingest_job,
    upload_csv,
    wait_for_ingest,
)
from crm_sync.salesforce.write.records import RecordWrites, csv_file
from crm_sync.salesforce.write.results import read_ingest_results
from tests.salesforce.conftest import Rig
from tests.salesforce.write_steps import contacts


def no_wait(_: float) -> None:
    """Go on at once."""


def titled(rig: Rig, number: int, title: str = "Boss", *, first_key: int = 10) -> RecordWrites:
    """Return updates of so many new contacts, with an index of their own."""
    ids = contacts(rig.standin, number)
    frame = pd.DataFrame({"Id": ids, "Title": title}, index=range(first_key, first_key + number), dtype="str")
    return RecordWrites("Contact", frame, {})


def finished(rig: Rig, writes: RecordWrites) -> IngestJob:
    job_id = create_ingest_job(rig.org, writes).id
    upload_csv(rig.org, job_id, csv_file(writes))
    close_ingest_job(rig.org, job_id)
    return wait_for_ingest(partial(read_ingest_job, rig.org, job_id), len(writes), no_wait)


def written(rig: Rig, writes: RecordWrites) -> pd.DataFrame:
    return read_ingest_results(rig.org, finished(rig, writes), writes)
