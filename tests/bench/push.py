"""`python -m tests.bench.push`: campaign pushes of 1,000, 10,000 and 100,000 members, requests and records a second.

Every figure is measured in this one run, on this machine, against the stand-in org in a process of its own. The
fields have been described before, as on any but the first push of a day, and the session is kept.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine, insert, select, update

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.salesforce_credentials import SalesforceCredentials
from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.database.engine import parse_url
from crm_sync.database.tables.campaigns import campaign, campaign_member
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.push.result import PushResult
from tests.bench.__main__ import Figures, fresh_databases, run, stand_in_org
from tests.bench.forecasts import last_forecast, print_errors
from tests.bench.sync import DEMO_USER, MAPPING

_HEADINGS = ("database", "members", "before writing", "requests", "forecast", "seconds", "records/s", "peak MB")
# A live contact in twenty is the source of no customer: it has no e-mail address, or shares one.
_SPARE = 1.25


def main() -> int:
    """Measure each size on each database, with and without a look before writing, and print one table.

    Returns 1 when a forecast of requests was far off.
    """
    options = _parser().parse_args()
    table, measured = Table(*_HEADINGS, title="Campaign push"), []
    with TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        records = int(max(options.members) * _SPARE)
        for database in options.databases:
            with stand_in_org(records) as org_url:
                scratch = Path(folder) / database
                scratch.mkdir()
                url, _ = fresh_databases(database, scratch)
                run("sync", org_url, url, scratch)
                for row, figures in _measure(options.members, database, org_url, url, scratch):
                    measured.append(figures)
                    table.add_row(*row)
                    Console(stderr=True).print(*row)
    Console(width=120).print(table)
    return 0 if print_errors(measured) else 1


def _measure(
    members: list[int], database: str, org_url: str, url: str, scratch: Path
) -> Iterator[tuple[tuple[str, ...], Figures]]:
    # The first push of a day also asks what the fields are.
    run("push", "one", org_url, url, scratch, 1, "nothing asked")
    for number in members:
        for before in ("nothing asked", "asked for changes"):
            figures = run("push", "one", org_url, url, scratch, number, before)
            row = (
                database,
                f"{number:,}",
                before,
                str(figures["requests"]),
                str(figures["forecast"]),
                f"{figures['seconds']:.1f}",
                f"{number / figures['seconds']:,.0f}",
                f"{figures['peak_mb']:.0f}",
            )
            yield row, figures


def push_once(org_url: str, database_url: str, members: int, before: str) -> None:
    """Change so many customers, let them reach the step, push them, and print the figures as JSON."""
    import resource  # noqa: PLC0415  # only of this process

    from flows.campaign_push import campaign_push  # noqa: PLC0415  # reads PREFECT_HOME, which is set just before

    _enter(database_url, members)
    username, password, token = DEMO_USER
    salesforce = SalesforceCredentials(
        username=username, password=SecretStr(password), security_token=SecretStr(token), endpoint_url=org_url
    )
    result: PushResult = campaign_push(
        "bench",
        salesforce=salesforce,
        database=CustomerDatabase(url=SecretStr(database_url)),
        mapping=DataMapping(contact=MAPPING.contact, lead=MAPPING.lead),
        settings=SalesforceSynchronize(fields=["Title", "MobilePhone"], customer_wins=before == "nothing asked"),
    )
    if len(result.success) != members or result.written != members:
        raise SystemExit(f"not every member was written: {result.sentence()}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    forecast = last_forecast(database_url)
    figures = {"seconds": result.seconds, "requests": result.requests_used, "forecast": forecast, "peak_mb": peak}
    sys.stdout.write(json.dumps(figures) + "\n")


def _enter(database_url: str, members: int) -> None:
    now = datetime.now(UTC)
    engine = create_engine(parse_url(database_url))
    with engine.begin() as connection:
        live = select(customer.c.id).join(salesforce_record, salesforce_record.c.id == customer.c.salesforce_id)
        chosen = list(connection.scalars(live.where(~salesforce_record.c.is_deleted).limit(members)))
        if len(chosen) < members:
            raise SystemExit("the org has too few contacts")
        highest = max(chosen)
        changed = update(customer).where(customer.c.id <= highest)
        connection.execute(changed.values(job_title=f"Since {now:%H:%M:%S.%f}", mobile_phone=f"06{now:%H%M%S}"))
        number = connection.scalar(select(campaign.c.id).where(campaign.c.name == "bench"))
        if number is None:
            number = connection.execute(
                insert(campaign).values(name="bench", created_at=now).returning(campaign.c.id)
            ).scalar_one()
        row = {"campaign_id": number, "step": "salesforce-synchronize", "entered_at": now}
        connection.execute(insert(campaign_member), [row | {"customer_id": one} for one in chosen])
    engine.dispose()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.push", description=__doc__)
    parser.add_argument("--members", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    return parser


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        os.environ["PREFECT_HOME"] = str(Path(sys.argv[4]) / "prefect")
        push_once(sys.argv[2], sys.argv[3], int(sys.argv[5]), sys.argv[6])
    else:
        sys.exit(main())
