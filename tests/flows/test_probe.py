import time, logging
import pytest
from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.salesforce_credentials import SalesforceCredentials
from flows.full_sync import full_sync
from standins.salesforce.org import Org
from standins.salesforce.server import Server
from standins.salesforce.seed_data import seed
from standins.salesforce.settings import OrgSettings
from prefect.client.orchestration import get_client

@pytest.mark.parametrize("n", range(6))
def test_it(prefect_home, sqlite_url, n):
    with get_client(sync_client=True) as client:
        for name in ("salesforce-api", "salesforce-api-bulk"):
            client.upsert_global_concurrency_limit_by_name(name, limit=100000, slot_decay_per_second=1000)
    with Org(OrgSettings(username=f"u{n}@x.example")) as org, Server(org) as server:
        seed(org, 400)
        for i in range(2):
            t = time.time()
            s = full_sync(SalesforceCredentials(username=f"u{n}@x.example", password="demo-password", security_token="demoToken", endpoint_url=server.url), CustomerDatabase(url=sqlite_url), DataMapping())
            print("SECONDS", i, time.time() - t, s.sentence(), s.total)
        print([e.kind for e in org.requests])
