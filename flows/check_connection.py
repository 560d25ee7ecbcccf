"""Logs in to Salesforce, opens the customer database and holds the mapping against both, without changing anything."""

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.runs.connection_report import ConnectionReport
from tasks.pages.budget import refresh_budget_quietly
from tasks.pages.connection import publish_connection
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import flow
from tasks.run.run import open_run
from tasks.setup.connection import inspect_connection


@flow(name="check_connection", flow_run_name="check connection")
def check_connection(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    mapping: DataMapping | str = "mapping",
) -> ConnectionReport:
    """Say whether everything is in place: who logs in where, the limits, each mapped field, how many records.

    Args:
        salesforce: Salesforce credentials, a saved block or its name.
        database: Customer database, a saved block or its name.
        mapping: Data mapping, a saved block or its name.
    """

    def check() -> ConnectionReport:
        rules = load_block(DataMapping, mapping).rules()
        with open_run("check_connection", salesforce, database, at_end=refresh_budget_quietly) as run:
            report = inspect_connection(run, rules)
        publish_connection(report)
        return report

    return end_in_a_sentence(check)
