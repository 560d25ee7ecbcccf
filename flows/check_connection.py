"""Logs in to Salesforce, opens the customer database and holds the mapping against both, without changing anything."""

from dataclasses import replace
from importlib import import_module

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.deployteq_account import DeployteqAccount
from blocks.deployteq_delivery import DeployteqDelivery
from blocks.load import is_given, load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.runs.connection_report import ConnectionReport
from tasks.pages.budget import refresh_budget_quietly
from tasks.pages.connection import publish_connection
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import flow
from tasks.run.run import open_run
from tasks.setup.connection import inspect_connection

_ACCOUNT = "deployteq"


@flow(name="check_connection", flow_run_name="check connection")
def check_connection(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    mapping: DataMapping | str = "mapping",
    account: DeployteqAccount | str = _ACCOUNT,
    delivery: DeployteqDelivery | str = "deployteq-delivery",
    *,
    may_write_test_customers: bool = False,
) -> ConnectionReport:
    """Say whether everything is in place: who logs in where, the limits, each mapped field, how many records.

    With a Deployteq account also its customers and fields, and on request how it behaves.

    Args:
        salesforce: Salesforce credentials, a saved block or its name.
        database: Customer database, a saved block or its name.
        mapping: Data mapping, a saved block or its name.
        account: Deployteq account, a saved block or its name; where none is saved, nothing of it is looked at.
        delivery: Deployteq delivery, a saved block or its name.
        may_write_test_customers: Measure what Deployteq's documentation leaves open, with a few customers that nobody
            mails and that are deleted again.
    """

    def check() -> ConnectionReport:
        rules = load_block(DataMapping, mapping).rules()
        with open_run("check_connection", salesforce, database, at_end=refresh_budget_quietly) as run:
            report = inspect_connection(run, rules)
            if is_given(DeployteqAccount, account, _ACCOUNT):
                # Without an account nothing of the exchange is imported.
                look = import_module("tasks.exchange.inspection").inspect_deployteq
                found = look(run, rules, account, delivery, may_write_test_customers=may_write_test_customers)
                report = replace(report, deployteq=found)
        publish_connection(report)
        return report

    return end_in_a_sentence(check)
