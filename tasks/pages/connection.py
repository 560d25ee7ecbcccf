"""The page of a check of the connection."""

from crm_sync.runs.connection_report import ConnectionReport, DeployteqReport
from tasks.pages.markdown import Markdown, bold, heading, link, publish_page, table


def publish_connection(report: ConnectionReport) -> None:
    """Leave the facts of the org, the limits and the database, and a row for each mapped field."""
    identity = report.identity
    kind = "sandbox" if identity.is_sandbox else "production"
    left = "not known" if report.daily_requests_left is None else f"{report.daily_requests_left:,}"
    allowed = "" if report.daily_requests is None else f" of {report.daily_requests:,}"
    facts = {
        "Logged in as": identity.user,
        "Org": f"{identity.organization_name} ({identity.organization_id}), {kind}",
        "Address": link(identity.host),
        "Requests left today": left + allowed,
        "Records": ", ".join(f"{name}: about {count:,}" for name, count in report.records.items()),
        "Customer database": f"{report.database}, {report.customers:,} customers",
        "Requests this check used": str(report.requests_used),
    }
    fields = [
        (
            field.sobject,
            field.salesforce_field,
            field.salesforce_type or "?",
            f"{field.customer_field}{' (unique)' if field.is_unique else ''}",
            field.finding,
        )
        for field in report.fields
    ]
    publish_page(
        "connection",
        "Connection",
        report.sentence(),
        table(("", ""), facts.items()),
        *(
            Markdown(
                f"{bold(f'No field of {one} can be written with a no')}: who says no here is not mailed, "
                "but Salesforce will not know. Link opt_in to change that."
            )
            for one in report.without_opt_out
        ),
        *(_deployteq(report.deployteq) if report.deployteq else ()),
        heading("Mapped fields"),
        table(("object", "Salesforce field", "type", "customer field", ""), fields),
        state=report.state,
    )


def _deployteq(report: DeployteqReport) -> tuple[Markdown, ...]:
    rows = [
        (question, answer, "" if is_safe else "nothing is delivered") for question, answer, is_safe in report.answers
    ]
    return (
        heading("Deployteq"),
        Markdown(f"{report.customers:,} customers; {report.calls:,} calls."),
        table(("question", "answer", ""), rows),
    )
