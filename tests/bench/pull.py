"""One incremental pull as a process of its own; the last line printed is its figures as JSON."""

import json
import os
import resource
import sys
from pathlib import Path
from time import perf_counter

from pydantic import SecretStr

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.salesforce_credentials import SalesforceCredentials
from tests.bench.sync import DEMO_USER, MAPPING


def main(org_url: str, database_url: str) -> None:
    """Pull what changed, after a flow that does nothing: what Prefect itself takes."""
    from prefect import flow  # noqa: PLC0415  # reads PREFECT_HOME, which is set just before

    from flows.incremental_pull import incremental_pull  # noqa: PLC0415  # the same

    @flow
    def nothing() -> None:
        """Do nothing."""

    nothing()
    began = perf_counter()
    nothing()
    prefect = perf_counter() - began
    username, password, token = DEMO_USER
    salesforce = SalesforceCredentials(
        username=username, password=SecretStr(password), security_token=SecretStr(token), endpoint_url=org_url
    )
    database = CustomerDatabase(url=SecretStr(database_url))
    mapping = DataMapping(contact=MAPPING.contact, lead=MAPPING.lead)
    began = perf_counter()
    # Without overlap: else every pull would read the changes of the one before as well.
    summary = incremental_pull(salesforce, database, mapping, overlap_minutes=0)
    whole = perf_counter() - began
    figures = {
        "read": summary.total.read,
        "updated": summary.total.updated,
        "requests": summary.requests_used,
        "seconds": summary.seconds,
        "whole": whole,
        "prefect": prefect,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    os.environ["PREFECT_HOME"] = str(Path(sys.argv[3]) / "prefect")
    main(sys.argv[1], sys.argv[2])
