"""What a person sees of a push in the Prefect UI: the outputs, errors with what to do, what Salesforce kept."""

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from crm_sync.push.result import Cause, PushResult
from crm_sync.push.settings import CheckedSettings


def publish_push(flow: str, result: PushResult, checked: CheckedSettings) -> None:
    """Leave the run's outputs as a table and a page; Ids and codes, no people's data."""
    key = flow.replace("_", "-")
    rows = [{"output": name, "customers": count} for name, count in result.counts.items()]
    create_table_artifact(rows, key=f"{key}-outputs", description=result.sentence())
    create_markdown_artifact(_markdown(result, checked), key=f"{key}-summary", description=result.sentence())
    if result.causes:
        causes = [
            {
                "cause": cause.code,
                "customers": cause.customers,
                "sending again can help": "yes" if cause.can_retry else "no",
                "what to do": cause.advice,
            }
            for cause in result.causes
        ]
        create_table_artifact(causes, key=f"{key}-errors", description="Customers that left by error, by cause")


def _markdown(result: PushResult, checked: CheckedSettings) -> str:
    lines = [
        f"## Campaign {result.campaign}, step {result.step}",
        "",
        result.sentence(),
        "",
        "| output | customers |",
        "| --- | ---: |",
        *(f"| {name} | {count:,} |" for name, count in result.counts.items()),
        "",
        f"Salesforce requests: {result.requests_used}. Every customer is in the table `campaign_output`, run "
        f"{result.run}, with Salesforce's own message.",
    ]
    if result.causes:
        retriable = sum(cause.customers for cause in result.causes if cause.can_retry)
        lines += ["", f"### Errors by cause ({retriable:,} of {len(result.error):,} can be sent again as they are)", ""]
        lines += ["| cause | customers | again? | what to do | some records |", "| --- | ---: | --- | --- | --- |"]
        lines += [_cause(cause, result.org_host) for cause in result.causes]
    if result.limit:
        lines += ["", "Customers in *limit* were not sent; `retry_outputs` sends them again."]
    if result.waiting:
        lines += [
            "",
            f"{result.waiting:,} customers wait in the queue: they came later, another run is at work on them, or "
            "Salesforce has their records and has not answered. The next push goes on with them, `retry_outputs` of "
            "*limit* only with the last.",
        ]
    if result.conflicts:
        lines += ["", "### Kept as Salesforce has it", "", "| field | customers |", "| --- | ---: |"]
        lines += [f"| {name} | {count:,} |" for name, count in result.conflicts.items()]
        lines += ["", f"For example {_links(result.conflict_examples, result.org_host)}."]
    lines += ["", "### Fields", "", "| customer field | | Salesforce field |", "| --- | --- | --- |"]
    for sobject, links in checked.links.items():
        sent = {link.salesforce_field for link in links}
        for link in checked.rules.of(sobject).links:
            # An Id is read and says which record; nobody writes it.
            arrow = "<->" if link.salesforce_field in sent else "<-"
            lines.append(f"| {link.name} | {arrow} | {sobject}.{link.salesforce_field} |")
    lines += ["", "`<->` is pulled and sent, `<-` is only pulled."]
    return "\n".join(lines)


def _cause(cause: Cause, host: str) -> str:
    again = "yes" if cause.can_retry else "no"
    return f"| {cause.code} | {cause.customers:,} | {again} | {cause.advice} | {_links(cause.examples, host)} |"


def _links(records: tuple[str, ...], host: str) -> str:
    return ", ".join(f"[{record}](https://{host}/{record})" for record in records)
