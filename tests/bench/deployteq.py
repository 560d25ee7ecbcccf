"""`python -m tests.bench.deployteq`: deliveries to a stand-in Deployteq account and readings of it, in calls, CPU and
memory of our own; the stand-in is a process of its own.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, insert, update

from blocks.data_mapping import DataMapping
from crm_sync.budget.calls_store import CallLedger
from crm_sync.columns.address_hash import KEY_BYTES
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from crm_sync.deployteq.account import DeployteqAccount
from crm_sync.deployteq.host import endpoint
from crm_sync.deployteq.limits import VERSION
from crm_sync.deployteq.transport import Transport
from crm_sync.exchange.collection import accept_pairing, collect, forecast_reading, read_account
from crm_sync.exchange.consent import deliver_consent_there
from crm_sync.exchange.delivery import deliver
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.settings import ExchangeSettings
from standins.deployteq.__main__ import TOKEN
from tests.bench.__main__ import fresh_databases

_CHANGED = 1_000
# A run's name, the customers it is about, the calls that it may make, their forecast, and its work.
_Step = tuple[str, int, int | None, Callable[[], int] | None, Callable[[], object]]
_FIELDS = ["salesforce_contact_id", "salesforce_lead_id"]


def main() -> int:
    """Measure on each database, print one table, and return 1 when a promise about calls was not kept."""
    options = _parser().parse_args()
    headings = (
        "database",
        "run",
        "customers",
        "calls",
        "forecast",
        "at most",
        "own CPU s",
        "customers per CPU s",
        "peak MB",
    )
    table, is_kept = Table(*headings, title="Exchange with Deployteq"), True
    for kind in options.databases:
        with TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch, _brand() as (url, outbox):
            exchange = _exchange(fresh_databases(kind, Path(scratch))[0], url, outbox)
            for name, customers, most, forecast, work in _steps(exchange, options.customers):
                expected = None if forecast is None else forecast()
                _forget_peak()
                calls, cpu = exchange.account.calls, time.process_time()
                work()
                calls, cpu = exchange.account.calls - calls, time.process_time() - cpu
                is_kept &= most is None or calls <= most
                is_kept &= expected is None or abs(calls - expected) <= max(3, calls / 10)
                peak = _peak()
                speed = f"{customers / cpu:,.0f}" if customers else ""
                shown = ["" if one is None else str(one) for one in (expected, most)]
                table.add_row(kind, name, f"{customers:,}", str(calls), *shown, f"{cpu:.2f}", speed, str(peak))
            exchange.database.close()
    Console(width=120).print(table)
    return 0 if is_kept else 1


def _steps(exchange: Exchange, customers: int) -> Iterator[_Step]:
    """Give each run."""

    def planned() -> int:
        return deliver(exchange, approved=True, dry_run=True).calls_forecast

    _add_customers(exchange, customers)
    around = 6
    yield "pairing, empty account", 0, None, None, lambda: _pair(exchange)
    yield "first delivery", customers, -(-customers // 100), planned, lambda: deliver(exchange, approved=True)
    yield "delivery, nothing changed", 0, 0, planned, lambda: deliver(exchange)
    _change(exchange)
    yield "delivery of changes", _CHANGED, _CHANGED // 100, planned, lambda: deliver(exchange)
    yield "first exchange, with its sweep", 0, None, None, lambda: _exchange_once(exchange)
    yield "idle exchange", 0, 4, None, lambda: _exchange_once(exchange)
    most = -(-customers // 50) + around
    yield "reading of all", customers, most, lambda: forecast_reading(exchange).calls, lambda: read_account(exchange)
    yield "delivery after it", 0, 0, planned, lambda: deliver(exchange)


def _pair(exchange: Exchange) -> None:
    read_account(exchange)
    accept_pairing(exchange, exchange.clock())


def _exchange_once(exchange: Exchange) -> None:
    collect(exchange)
    deliver_consent_there(exchange)
    deliver(exchange)


def _exchange(database_url: str, url: str, outbox: int) -> Exchange:
    database = CustomerDatabase(database_url, b"k" * KEY_BYTES)
    ledger = CallLedger(database, brand="bench", flow="bench", clock=_now)
    transport = Transport(
        endpoint("secure.myclang.com", VERSION), throttle=lambda: None, ledger=ledger, clock=_now, endpoint_url=url
    )
    account = DeployteqAccount(TOKEN, transport, brand="bench")
    settings = ExchangeSettings(outbox_group=outbox, time_zone="Europe/Amsterdam")
    return Exchange(account, database, settings, DataMapping().rules(), _now, lambda _: None)


def _forget_peak() -> None:
    """Let the peak of memory begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """Return the most memory since then, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def _now() -> datetime:
    return datetime.now(UTC)


def _add_customers(exchange: Exchange, number: int) -> None:
    now = exchange.clock()
    with exchange.database.transaction() as connection:
        for start in range(0, number, 10_000):
            names = map("p{:07d}".format, range(start, min(start + 10_000, number)))
            connection.execute(insert(customer), [_row(exchange, name, now) for name in names])


def _row(exchange: Exchange, name: str, now: datetime) -> dict[str, Any]:
    return {
        "unique_key": f"{name}@example.com",
        "email_address": f"{name}@example.com",
        "address_hash": exchange.database.hashes.of(f"{name}@example.com"),
        "firstname": "Ann",
        "lastname": name,
        "city": "Ede",
        "work_phone": "+31 20 555 0100",
        "status": "Customer",
        "salesforce_object": "Contact",
        "salesforce_id": f"003{name:0>15}",
        "opt_in": True,
        "opt_in_set": True,
        "options": {},
        "created_at": now,
        "modified_at": now,
    }


def _change(exchange: Exchange) -> None:
    with exchange.database.transaction() as connection:
        connection.execute(
            update(customer)
            .where(customer.c.id <= _CHANGED)
            .values(lastname=func.upper(customer.c.lastname) + " changed", modified_at=exchange.clock())
        )


@contextmanager
def _brand() -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-m", "standins.deployteq", "--fields", *_FIELDS]
    brand = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        lines = [brand.stdout.readline().strip() if brand.stdout else "" for _ in range(2)]
        yield lines[0], int(lines[1])
    finally:
        brand.terminate()
        brand.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.deployteq", description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    return parser


if __name__ == "__main__":
    sys.exit(main())
