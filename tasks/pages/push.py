"""The page of a push: the outputs, errors with what to do, and the values that Salesforce kept."""

from crm_sync.push.result import PushPreview, PushResult
from crm_sync.push.settings import CheckedSettings
from tasks.pages.markdown import Markdown, address, heading, links, publish_page, publish_table, table


def publish_push(flow: str, result: PushResult, checked: CheckedSettings) -> None:
    """Leave the run's outputs as a table and a page; Ids and codes, no people's data."""
    key = flow.replace("_", "-")
    if result.preview:
        _publish_preview(f"{key}-dry-run", result, result.preview)
        return
    rows = [{"output": name, "customers": count} for name, count in result.counts.items()]
    publish_table(f"{key}-outputs", rows, result.sentence(), state=result.state)
    publish_page(
        f"{key}-summary",
        f"Campaign {result.campaign}, step {result.step}",
        result.sentence(),
        table(("output", "customers"), result.counts.items()),
        Markdown(f"Salesforce requests: {result.requests_used}. This is run {result.run}."),
        *_causes(result),
        *_left_out(result),
        *_left(result),
        *_conflicts(result),
        heading("Fields"),
        table(("customer field", "", "Salesforce field"), _fields(checked)),
        Markdown("↔ is pulled and sent, ← is only pulled. A no goes by itself, before everything else."),
        state=result.state,
    )
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
        said = f"{len(result.error):,} customers left by error, by cause."
        publish_table(f"{key}-errors", causes, said)
        refused = [
            {
                "customer": one.customer_id,
                "record": one.record,
                "cause": one.code,
                "address": address(result.org_host, one.record),
            }
            for one in result.refused
        ]
        publish_table(f"{key}-refused", refused, f"{said[:-9]}one by one.")


def _publish_preview(key: str, result: PushResult, preview: PushPreview) -> None:
    facts = [
        ("would enter the campaign", preview.entering),
        ("wait there already", result.waiting),
        ("records would be written", preview.to_write),
        ("have nothing new for Salesforce", preview.same),
        ("would leave by error", preview.refused),
    ]
    publish_page(
        key,
        f"Dry run: campaign {result.campaign}, step {result.step}",
        result.sentence(),
        table(("", "customers"), facts),
        table(("field that would be written", "records"), preview.fields.items()),
        Markdown(f"For example {links(result.org_host, preview.examples)}.") if preview.examples else Markdown(),
        *_causes(result),
        *_conflicts(result),
        state=result.state,
    )


def _causes(result: PushResult) -> list[Markdown]:
    if not result.causes:
        return []
    again = sum(cause.customers for cause in result.causes if cause.can_retry)
    in_all = sum(cause.customers for cause in result.causes)
    rows = [
        (
            cause.code,
            cause.customers,
            "yes" if cause.can_retry else "no",
            cause.advice,
            links(result.org_host, cause.examples),
        )
        for cause in result.causes
    ]
    return [
        heading(f"Errors by cause ({again:,} of {in_all:,} can be sent again as they are)"),
        table(("cause", "customers", "again?", "what to do", "some records"), rows),
    ]


def _left_out(result: PushResult) -> list[Markdown]:
    if not result.left_out:
        return []
    return [
        heading("Not sent"),
        table(("field", "customers"), result.left_out.items()),
        Markdown(
            f"Of the customers in *error*, {result.partly:,} were written without such a field, or without one that "
            "Salesforce has a newer value of."
        ),
    ]


def _left(result: PushResult) -> list[Markdown]:
    parts = []
    if result.limit:
        parts.append(Markdown("Customers in *limit* were not sent; **retry-outputs** sends them again."))
    if result.waiting:
        parts.append(
            Markdown(
                f"{result.waiting:,} customers wait in the queue: they came later, another run is at work on them, or "
                "Salesforce has their records and has not answered. The next push goes on with them, **retry-outputs** "
                "of *limit* only with the last."
            )
        )
    return parts


def _conflicts(result: PushResult) -> list[Markdown]:
    if not result.conflicts:
        return []
    return [
        heading("Kept as Salesforce has it"),
        table(("field", "customers"), result.conflicts.items()),
        Markdown(f"For example {links(result.org_host, result.conflict_examples)}."),
    ]


def _fields(checked: CheckedSettings) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for sobject, sent_links in checked.links.items():
        sent, consent = {one.salesforce_field for one in sent_links}, checked.rules.consent_links(sobject)
        for one in checked.rules.of(sobject).links:
            # The Id says which record it is; it is read, and never written. Consent goes by itself.
            arrow = "↔" if one.salesforce_field in sent or one in consent.values() else "←"
            rows.append((one.name, arrow, f"{sobject}.{one.salesforce_field}"))
    return rows
