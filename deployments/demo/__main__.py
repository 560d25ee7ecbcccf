"""`make demo`: a stand-in org, all four flows between it and a customer database, and their results."""

import sys
from collections.abc import Mapping
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from blocks.customer_database import CustomerDatabase
from blocks.load import load_block
from crm_sync.errors import SyncError
from crm_sync.pull.summary import SyncSummary
from crm_sync.push.result import Output, PushResult
from deployments.demo.campaign import CAMPAIGN, enter_demo_customers, mend_demo_customers, save_demo_settings
from deployments.demo.customers import sample_customers
from deployments.demo.moments import demo_moments
from deployments.demo.org import FOLDER, demo_org, save_demo_blocks
from deployments.register import register
from flows.campaign_push import campaign_push
from flows.contact_moment_export import contact_moment_export
from flows.full_sync import full_sync
from flows.incremental_pull import incremental_pull
from flows.install_contact_moment_objects import install_contact_moment_objects
from flows.retry_outputs import retry_outputs
from tasks.run.run import utc_now

_RECORDS = 10_000


def main() -> int:
    """Run the demo and return the exit code."""
    console = Console(width=120)
    console.print(f"Starting a stand-in Salesforce org with {_RECORDS:,} leads and contacts on this machine …")
    try:
        with demo_org(_RECORDS) as url:
            console.print(f"It answers at {url}. Starting Prefect and saving the blocks …")
            register()
            save_demo_blocks(url)
            summary = full_sync()
            _show_sync(console, summary)
            console.print(f"[bold]Incremental pull[/bold]: {incremental_pull().sentence()}")
            _show_moments(console)
            _show_push(console, url)
    except SyncError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    console.print(f"The customer database is {FOLDER / 'customers.db'}; [bold]make up DEMO=1[/bold] opens the UI.")
    return 0


def _show_sync(console: Console, summary: SyncSummary) -> None:
    console.print(_counts(summary))
    console.print(_customers())
    console.print(summary.sentence())
    if not summary.total.written:
        console.print("Nothing changed in Salesforce since the last run, so nothing changed here.")


def _show_moments(console: Console) -> None:
    console.print("Seeing to it that the org has the objects for contact moments, and inventing some e-mails …")
    install_contact_moment_objects()
    database = load_block(CustomerDatabase, "customers").open()
    demo_moments(database, seed=1, now=utc_now())
    database.close()
    console.print(f"[bold]Contact moments[/bold]: {contact_moment_export().sentence()}")


def _show_push(console: Console, org_url: str) -> None:
    save_demo_settings()
    members = enter_demo_customers(org_url)
    if not members:
        console.print(f"The customers of the campaign {CAMPAIGN!r} have been through it before; none waits.")
        return
    console.print(f"{members} customers reach the Salesforce Synchronize step of the campaign {CAMPAIGN!r} …")
    results = {"Campaign push": campaign_push(CAMPAIGN)}
    console.print("Salesforce takes requests again, and the titles that were too long are mended; once more …")
    mend_demo_customers(org_url)
    for which in ("limit", "error"):
        results[f"Output {which} again"] = retry_outputs(CAMPAIGN, which)
    console.print(_outputs(results))
    for result in results.values():
        for cause in result.causes:
            console.print(f"{cause.customers} left by error {cause.code}: {cause.advice}")


def _counts(summary: SyncSummary) -> Table:
    total = summary.total
    table = Table(title="Full sync", title_justify="left")
    table.add_column("records")
    for outcome in asdict(total):
        table.add_column(outcome, justify="right")
    for name, counts in [*((str(o), c) for o, c in summary.counts.items()), ("all", total)]:
        table.add_row(name, *(f"{value:,}" for value in asdict(counts).values()))
    table.caption = (
        f"{summary.requests_used} requests, {summary.seconds:.1f} s, {summary.records_per_second:,.0f} records a second"
    )
    return table


def _outputs(results: Mapping[str, PushResult]) -> Table:
    table = Table(title="Salesforce Synchronize: by which output customers left", title_justify="left")
    table.add_column("run")
    for name in (*Output, "continue", "written", "requests", "seconds"):
        table.add_column(name, justify="right")
    for run, result in results.items():
        counts = [f"{result.counts[name]:,}" for name in (*Output, "continue")]
        table.add_row(run, *counts, f"{result.written:,}", str(result.requests_used), f"{result.seconds:.1f}")
    return table


def _customers() -> Table:
    table = Table(title="Some customers", title_justify="left")
    database = load_block(CustomerDatabase, "customers").open()
    with database.transaction() as connection:
        rows = sample_customers(connection, 8)
    database.close()
    for name in rows[0] if rows else []:
        table.add_column(name)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    return table


if __name__ == "__main__":
    sys.exit(main())
