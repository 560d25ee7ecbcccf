"""Looking at everything a sync needs, without reading or writing a record."""

from prefect import task

from crm_sync.consent_words import Channel
from crm_sync.mapping.model import FieldLink, MappingRules, perhaps_says_opposite
from crm_sync.mapping.unstamped import changes_unstamped
from crm_sync.runs.connection_report import ConnectionReport, FieldReport
from crm_sync.runs.history_store import count_customers
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.schema.describe import FieldDescription, Identity, identity
from crm_sync.sobject import SObject
from tasks.run.forecasts import count_records
from tasks.run.mapping import find_mapped_fields
from tasks.run.retry_policy import TALKS_TO_SALESFORCE
from tasks.run.run import Run


@task(task_run_name="log in", **TALKS_TO_SALESFORCE)
def read_identity(org: SalesforceOrg) -> Identity:
    """Log in anew, and return whose login leads to which org."""
    org.log_in_anew()
    return identity(org)


def inspect_connection(run: Run, rules: MappingRules) -> ConnectionReport:
    """Log in, and hold every link of the mapping against Salesforce."""
    who = read_identity(run.org)
    found, left_out = find_mapped_fields(run.org, rules)
    fields = [
        _report(rules, sobject, link, found.get(sobject, {}).get(link.salesforce_field))
        for sobject in rules.mapped
        for link in rules.of(sobject).links
    ]
    records = count_records(run.org, [str(sobject) for sobject in found])
    with run.database.transaction() as connection:
        customers = count_customers(connection)
    usage = run.ledger.last_usage
    return ConnectionReport(
        identity=who,
        database=run.database.name,
        customers=customers,
        daily_requests_left=usage.allowed - usage.used if usage else None,
        daily_requests=usage.allowed if usage else None,
        records=records,
        fields=fields,
        requests_used=run.ledger.used,
        without_opt_out=[one for one in rules.mapped if Channel.EMAIL not in rules.consent_links(one)],
        left_out=left_out,
    )


def _report(rules: MappingRules, sobject: SObject, link: FieldLink, field: FieldDescription | None) -> FieldReport:
    return FieldReport(
        sobject=sobject,
        salesforce_field=link.salesforce_field,
        salesforce_type=field.type if field else None,
        customer_field=link.name,
        is_unique=link.unique,
        comes=rules.formulas.comes if field and changes_unstamped(link.salesforce_field, field) else "",
        sounds_like_no=link.is_consent and not link.opposite and perhaps_says_opposite(link.salesforce_field),
    )
