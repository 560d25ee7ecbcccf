"""What the demo does and shows: a line before each step, the tables, and what to do next."""

from collections.abc import Mapping
from dataclasses import asdict

from prefect.logging.handlers import APILogHandler
from rich.console import Console
from rich.table import Table

from blocks.customer_database import CustomerDatabase
from blocks.load import load_block
from crm_sync.errors import SyncError
from crm_sync.pull.summary import SyncSummary
from crm_sync.push.result import Output, PushResult
from deployments.demo.campaign import CAMPAIGN, enter_demo_customers, mend_demo_customers, save_demo_settings
from deployments.demo.customers import sample_customers
from deployments.demo.deployteq import demo_brand, first_delivery, is_paired, save_account
from deployments.demo.moments import demo_moments
from deployments.demo.org import demo_org, save_demo_blocks
from deployments.demo.unsubscribe import Person
from deployments.environment import DEMO_FOLDER
from deployments.register import register
from deployments.serving import prefect_server
from flows.campaign_push import campaign_push
from flows.contact_moment_export import contact_moment_export
from flows.deployteq_exchange import deployteq_exchange
from flows.full_sync import full_sync
from flows.incremental_pull import incremental_pull
from flows.install_contact_moment_objects import install_contact_moment_objects
from flows.retry_outputs import retry_outputs
from tasks.run.run import utc_now

_RECORDS = 10_000


def tell(port: int, records: int = _RECORDS, *, deployteq: bool = False) -> int:
    """Do all of it with a Prefect server on `port`, and return the exit code; `deployteq`: with an account there."""
    console = Console(width=120, highlight=False)
    try:
        with prefect_server(port), demo_org(records) as org_url:
            register()
            save_demo_blocks(org_url)
            console.print(f"An org with {records:,} invented leads and contacts answers at {org_url}.")
            _sync(console)
            _unsubscribe(console, Person(org_url))
            _moments(console)
            _push(console, org_url)
            if deployteq:
                _deployteq(console, Person(org_url))
            # What the runs have logged goes to the server while it is there.
            APILogHandler().flush()
    except SyncError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    console.print(
        f"\nThe customer database is {DEMO_FOLDER / 'customers.db'}.\n"
        "Next: [bold]make up DEMO=1[/bold], then open http://127.0.0.1:4200 and log in with what it prints; under "
        "[bold]Runs[/bold] are the runs that you have just seen."
    )
    return 0


def _step(console: Console, number: int, what: str) -> None:
    console.print(f"\n[bold]{number}. {what}[/bold]")


def _sync(console: Console) -> None:
    _step(console, 1, "Full sync: every lead and contact becomes a customer …")
    summary = full_sync()
    console.print(_counts(summary))
    console.print(_customers())
    console.print(summary.sentence())
    if not summary.total.written:
        console.print("Nothing changed in Salesforce since the last run, so nothing changed here.")


def _unsubscribe(console: Console, person: Person) -> None:
    _step(console, 2, f"Customer {person.id} unsubscribes here, and sales edits the phone in Salesforce; a pull …")
    person.unsubscribe()
    phone = person.edit_phone()
    console.print(incremental_pull().sentence())
    came = "is here" if person.has_phone(phone) else "is not here yet"
    went = "has the no: Email Opt Out is ticked" if person.is_opted_out() else "does not have the no yet"
    console.print(f"The phone {phone} {came}, and Salesforce {went} on contact {person.contact}.")


def _moments(console: Console) -> None:
    _step(console, 3, "Contact moments: e-mails with opens and clicks go to their lead or contact …")
    install_contact_moment_objects()
    database = load_block(CustomerDatabase, "customers").open()
    demo_moments(database, seed=1, now=utc_now())
    database.close()
    console.print(contact_moment_export().sentence())


def _push(console: Console, org_url: str) -> None:
    save_demo_settings()
    members = enter_demo_customers(org_url)
    if not members:
        console.print(f"\nThe customers of the campaign {CAMPAIGN!r} have been through it before; none waits.")
        return
    _step(console, 4, f"Campaign push: {members} customers reach the Salesforce Synchronize step of {CAMPAIGN!r} …")
    console.print("Planned trouble: for five the job title is too long, and for twenty Salesforce's limit is reached.")
    results = {"Campaign push": campaign_push(CAMPAIGN)}
    _step(console, 5, "The titles are mended and Salesforce takes requests again; those customers are sent again …")
    mend_demo_customers(org_url)
    for which in ("limit", "error"):
        results[f"Output {which} again"] = retry_outputs(CAMPAIGN, which)
    console.print(_outputs(results))
    for run, result in results.items():
        for cause in result.causes:
            console.print(f"{run}: {cause.customers} left by error {cause.code}: {cause.advice}")


def _deployteq(console: Console, person: Person) -> None:
    with demo_brand() as brand:
        save_account(brand)
        _step(console, 6, "A Deployteq account is connected: who is who there, how it behaves, a first delivery …")
        if not is_paired():
            console.print(first_delivery())
        console.print(deployteq_exchange().sentence())
        _step(console, 7, f"Customer {person.id} unsubscribes in Deployteq, and gets another name in Salesforce …")
        name = person.rename()
        brand.unsubscribe(person.id)
        incremental_pull()
        console.print(deployteq_exchange().sentence())
        there = brand.customer(person.id)
        went = "has the no" if person.is_opted_out() else "does not have the no yet"
        console.print(
            f"Salesforce {went}, and the last name in Deployteq is {there['lastname']} ({name} in Salesforce)."
        )


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
