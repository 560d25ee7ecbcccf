"""The steps of the moments' benchmark, each as a process of its own; the last line printed is its figures as JSON."""

import json
import os
import resource
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import pandas as pd
from pydantic import SecretStr

from blocks.customer_database import CustomerDatabase
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.database.engine import CustomerDatabase as OpenDatabase
from crm_sync.moments.record_store import record_moments
from deployments.demo.customers import some_customers
from tests.bench.forecasts import last_forecast
from tests.bench.sync import DEMO_USER

NOW = datetime.now(UTC).replace(microsecond=0)
_SENT = NOW - timedelta(days=3)
_PRIME, _EVERYBODY = 7_919, 1_000_000


def main(step: str, org_url: str, database_url: str, moments: int) -> None:
    """Do one step: `prepare`, `record`, `open` some of what was recorded, or `export`."""
    username, password, token = DEMO_USER
    salesforce = SalesforceCredentials(
        username=username, password=SecretStr(password), security_token=SecretStr(token), endpoint_url=org_url
    )
    database = CustomerDatabase(url=SecretStr(database_url))
    if step == "prepare":
        figures = prepare(salesforce, database)
    elif step == "export":
        figures = export(salesforce, database) | {"forecast": last_forecast(database_url) or 0}
    else:
        with closing(database.open()) as opened:
            figures = record(opened, moments, opens=int(step == "open"))
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps(figures) + "\n")


def prepare(salesforce: SalesforceCredentials, database: CustomerDatabase) -> dict[str, float]:
    """Install the objects and bring in the customers."""
    from blocks.data_mapping import DataMapping  # noqa: PLC0415  # likewise
    from flows.full_sync import full_sync  # noqa: PLC0415  # reads PREFECT_HOME, which is set just before
    from flows.install_contact_moment_objects import install_contact_moment_objects  # noqa: PLC0415  # likewise

    install_contact_moment_objects(salesforce, database)
    summary = full_sync(salesforce, database, DataMapping())
    return {"seconds": summary.seconds, "requests": summary.requests_used}


def record(database: OpenDatabase, moments: int, *, opens: int) -> dict[str, float]:
    """Record so many moments, or that they were opened."""
    with database.transaction() as connection:
        customers = some_customers(connection, _EVERYBODY)
    numbers = pd.Series(range(moments))
    opened_at = NOW - timedelta(days=1) if opens else None
    frame = pd.DataFrame(
        {
            "moment_id": "bench-" + numbers.astype("str"),
            # In no order of theirs, so that updates too are of leads and of contacts.
            "customer_id": pd.Series(customers).iloc[numbers * _PRIME % len(customers)].to_numpy(),
            "campaign": "Spring offers",
            "mailing": "Week 1",
            "subject": "Our spring offers for you, and what is new this week",
            "sent_at": _SENT,
            "delivered_at": _SENT,
            "first_opened_at": opened_at,
            "last_opened_at": opened_at,
            "opens": opens,
            "online_version_url": "https://view.example/spring/week-1/" + numbers.astype("str"),
        }
    )
    began = perf_counter()
    record_moments(database, frame, NOW)
    return {"seconds": perf_counter() - began, "requests": 0}


def export(salesforce: SalesforceCredentials, database: CustomerDatabase) -> dict[str, float]:
    """Run the export."""
    from flows.contact_moment_export import contact_moment_export  # noqa: PLC0415  # reads PREFECT_HOME

    summary = contact_moment_export(salesforce, database)
    return {"seconds": summary.seconds, "requests": summary.requests_used, "written": summary.written}


if __name__ == "__main__":
    os.environ["PREFECT_HOME"] = str(Path(sys.argv[5]) / "prefect")
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
