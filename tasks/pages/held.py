"""The page of what a run held back: how many customers, which records and fields; values stay in the database."""

from crm_sync.pull.summary import SyncSummary
from tasks.pages.markdown import Markdown, address, bold, link_to_page, links, publish_page, publish_table, table

_EXAMPLES = 20
# So many rows the UI can show and give as JSON; the table has all.
_LISTED = 10_000


def publish_held(flow: str, summary: SyncSummary) -> None:
    """Leave what waits for a person's approval, if anything does: counts, examples, and a list to download."""
    if not (summary.held or summary.held_back):
        return
    key = f"{flow.replace('_', '-')}-held-back"
    said = "Too many people at once: this is held back, and the rest of the run is done."
    rows = [
        (change.words, change.customers, links(summary.org_host, change.records[:_EXAMPLES])) for change in summary.held
    ]
    if summary.held_back:
        rows.append(("would be mailed again", summary.held_back, Markdown()))
    publish_page(
        key,
        f"{flow.replace('_', ' ').capitalize()}: held back",
        said,
        table(("what", "customers", "records, for example"), rows),
        Markdown(
            f"If it is right, start the next run with {bold('approve changes')}. If not, put it right in Salesforce: "
            "what comes again as it was is not held any more (a full sync sees who is back in sight)."
        ),
        Markdown(f"Each of them is in the list {link_to_page(f'{key}-list')}."),
        Markdown("No page shows values; whoever may read the customer database finds both there, as Operations says."),
    )
    listed = [
        {"customer": customer, "record": record, "what": change.fate, "address": address(summary.org_host, record)}
        for change in summary.held
        for customer, record in zip(change.customer_ids, change.records, strict=True)
    ]
    if listed:
        publish_table(f"{key}-list", listed[:_LISTED], f"{len(listed):,} records wait.", in_all=len(listed))
