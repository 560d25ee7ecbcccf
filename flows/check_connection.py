"""Logs in to Salesforce, opens the customer database and holds the mapping against both, without changing anything."""

from prefect import flow

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.named import named
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.connection_report import ConnectionReport
from crm_sync.errors import SyncError
from tasks.connection_checks import inspect_connection
from tasks.reports import publish_connection
from tasks.runs import ended, ended_early, log_errors_as_sentences, open_run


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
    log_errors_as_sentences()
    try:
        rules = named(DataMapping, mapping).rules()
        with open_run("check_connection", salesforce, database) as run:
            report = inspect_connection(run, rules)
            run.stop("Completed")
        publish_connection(report)
    except SyncError as error:
        return ended_early(error)
    return ended(report)
