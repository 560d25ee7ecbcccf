"""The stand-in org of the demo: a process of its own on this machine, and the blocks that lead to it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.mapping.model import CustomerFieldKind, FieldLink, ObjectMapping
from crm_sync.mapping.standard import standard_contact_mapping, standard_lead_mapping
from deployments.env_file import is_saved
from deployments.environment import DEMO_FOLDER

_OPTIONS = {"Score__c": "score", "Interests__c": "interests", "Last_Visit__c": "last visit"}


@contextmanager
def demo_org(records: int, *, lively: bool = False) -> Iterator[str]:
    """Give the address of a stand-in org with invented people; the same people at the next start.

    `lively`: people change a little all the time, so that a pull has something to bring.
    """
    DEMO_FOLDER.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "standins.salesforce", "--records", str(records)]
    command += ["--database", str(DEMO_FOLDER / "org.sqlite"), "--control", "--stop-with-parent"]
    command += ["--lively", "20"] if lively else []
    org = subprocess.Popen(  # noqa: S603  # our own interpreter and words
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
    )
    try:
        url = org.stdout.readline().strip() if org.stdout else ""
        if not url:
            raise SystemExit("The stand-in org did not start; its own lines above say why.")
        yield url
    finally:
        org.terminate()
        org.wait()


def save_demo_blocks(org_url: str) -> None:
    """Save the blocks that the flows look for; what somebody has made of the mapping stays."""
    SalesforceCredentials(
        username="integration@demo.example",
        password="demo-password",  # noqa: S106  # invented, for a server on loopback
        security_token="demoToken",  # noqa: S106  # invented
        endpoint_url=org_url,
    ).save("salesforce", overwrite=True)
    CustomerDatabase(url=f"sqlite:///{DEMO_FOLDER / 'customers.db'}").save("customers", overwrite=True)
    if not is_saved(DataMapping, "mapping"):
        mapping = DataMapping(
            contact=_with_options(standard_contact_mapping()), lead=_with_options(standard_lead_mapping())
        )
        mapping.save("mapping")


def _with_options(mapping: ObjectMapping) -> ObjectMapping:
    options = [
        FieldLink(salesforce_field=field, kind=CustomerFieldKind.OPTION, name=name) for field, name in _OPTIONS.items()
    ]
    return mapping.model_copy(update={"links": [*mapping.links, *options]})
