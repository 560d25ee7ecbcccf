"""Shared steps of the tests of writes: records, objects to write them to, and their results."""

from collections.abc import Sequence
from functools import partial
from typing import Any

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
from standins.salesforce.org.org import Org
from standins.salesforce.schema.common_fields import reference
from standins.salesforce.schema.custom_objects import custom_object
from standins.salesforce.schema.fields import Field
from tests.salesforce.conftest import Rig, no_wait

KEY = "Key__c"


def updates(sobject: str, records: Sequence[dict[str, Any]], index: Any = None, **types: str) -> RecordWrites:
    """Return records to update by Id, as a caller makes them."""
    return RecordWrites(sobject, pd.DataFrame(records, index=index, dtype="str"), types)


def upserts(sobject: str, records: Sequence[dict[str, Any]], index: Any = None, **types: str) -> RecordWrites:
    """Return records to upsert by the external id of the moments' stand-in."""
    return RecordWrites(sobject, pd.DataFrame(records, index=index, dtype="str"), types, external_id=KEY)


def contacts(org: Org, number: int, **values: Any) -> list[str]:
    return [org.records.insert("Contact", {"LastName": "Smit", **values}) for _ in range(number)]


def leads(org: Org, number: int) -> list[str]:
    return [org.records.insert("Lead", {"LastName": "Smit", "Company": "C"}) for _ in range(number)]


def moment_object(org: Org, name: str, parent: str) -> str:
    """Add an object with an external id, a lookup, a number and a boolean."""
    key = Field(KEY, "Key", length=40, external_id=True, unique=True, nillable=False)
    fields = (
        key,
        reference("Parent__c", "Parent", parent),
        Field("Subject__c", "Subject", length=255),
        Field("Opened__c", "Opened", "boolean", defaulted=True, default=False, nillable=False),
        Field("Clicks__c", "Clicks", "double", precision=18, scale=2),
    )
    return org.add_object(custom_object(name, "Moment", *fields)).name


def sent(rig: Rig) -> list[str]:
    return [kind for kind in rig.stop_and_read_kinds() if kind != "login"]


def codes(results: pd.DataFrame) -> list[str | None]:
    return [None if pd.isna(code) else code for code in results["error_code"]]


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
