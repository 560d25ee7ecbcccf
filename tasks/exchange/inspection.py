"""Looking at a Deployteq account: its customers, its fields, and on request how it behaves."""

from prefect import task

from blocks.deployteq_account import DeployteqAccount
from blocks.deployteq_delivery import DeployteqDelivery
from crm_sync.deployteq.customers import count_customers
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.probe import look_at_fields
from crm_sync.mapping.model import MappingRules
from crm_sync.runs.connection_report import DeployteqReport
from tasks.exchange.opening import open_exchange
from tasks.exchange.steps import measure
from tasks.run.retry_policy import TALKS_TO_SALESFORCE
from tasks.run.run import Run


def inspect_deployteq(
    run: Run,
    rules: MappingRules,
    account: DeployteqAccount | str,
    delivery: DeployteqDelivery | str,
    *,
    may_write_test_customers: bool,
) -> DeployteqReport:
    """Look at the account; measure what its documentation leaves open where test customers may be written."""
    with open_exchange(run, rules, "check_connection", account, delivery) as opened:
        customers = _look(opened)
        findings = [*look_at_fields(opened), *(measure(opened) if may_write_test_customers else ())]
        answers = tuple((one.question, one.words, one.is_safe) for one in findings)
        return DeployteqReport(opened.brand, customers, opened.account.calls, answers)


@task(task_run_name="look at Deployteq", **TALKS_TO_SALESFORCE)
def _look(exchange: Exchange) -> int:
    return count_customers(exchange.account)
