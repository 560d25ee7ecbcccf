"""One full sync as a process of its own; the last line printed is its figures as JSON."""

import json
import os
import resource
import sys
from pathlib import Path

from pydantic import SecretStr

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.mapping.model import MappingRules, ObjectMapping
from crm_sync.mapping.standard import standard_contact_mapping
from tests.bench.forecasts import last_forecast

DEMO_USER = ("integration@demo.example", "demo-password", "demoToken")
# 15 fields: the standard links of a contact.
MAPPING = MappingRules(contact=standard_contact_mapping(), lead=ObjectMapping())


def main(org_url: str, database_url: str) -> None:
    """Sync every contact of the org."""
    from flows.full_sync import full_sync  # noqa: PLC0415  # reads PREFECT_HOME, which is set just before

    username, password, token = DEMO_USER
    salesforce = SalesforceCredentials(
        username=username, password=SecretStr(password), security_token=SecretStr(token), endpoint_url=org_url
    )
    database = CustomerDatabase(url=SecretStr(database_url))
    mapping = DataMapping(contact=MAPPING.contact, lead=MAPPING.lead)
    summary = full_sync(salesforce, database, mapping, objects=["Contact"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    forecast = last_forecast(database_url)
    figures = {"seconds": summary.seconds, "requests": summary.requests_used, "forecast": forecast, "peak_mb": peak}
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    os.environ["PREFECT_HOME"] = str(Path(sys.argv[3]) / "prefect")
    main(sys.argv[1], sys.argv[2])
