"""The request ledger: every Salesforce request is written here first, and request 3601 of an hour is refused."""

from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy import func, insert, select, text, update

from crm_sync.customers.database import CustomerDatabase
from crm_sync.customers.tables import request_ledger
from crm_sync.errors import LimitReachedError
from crm_sync.salesforce.limit_info import ApiUsage

_HOUR = timedelta(hours=1)
_LEDGER_LOCK = 7_023_003


class RequestLedger:
    """Counts the requests of all flows, processes and hosts that share the customer database."""

    def __init__(self, database: CustomerDatabase, *, org: str, flow: str, per_hour: int = 3600) -> None:
        """Count for `org`; `per_hour` is the product's promise of requests in any rolling hour."""
        self._database = database
        self._org = org
        self._flow = flow
        self._per_hour = per_hour
        self.used = 0
        self._counting = Lock()
        self.last_usage: ApiUsage | None = None

    def reserve(self, kind: str, at: datetime) -> int:
        """Enter a request and return its number; raises LimitReachedError when the hour is full."""
        with self._database.transaction() as connection:
            if connection.dialect.name == "postgresql":
                lock = text("SELECT pg_advisory_xact_lock(:lock)")
                connection.execute(lock, {"lock": _LEDGER_LOCK})
            last_hour = (request_ledger.c.org == self._org, request_ledger.c.at > at - _HOUR)
            made = connection.scalars(select(func.count()).where(*last_hour)).one()
            if made >= self._per_hour:
                oldest = connection.scalars(select(func.min(request_ledger.c.at)).where(*last_hour)).one()
                until = (oldest or at) + _HOUR
                raise LimitReachedError(
                    f"{made} Salesforce requests were made in the last hour and {self._per_hour} are allowed; "
                    f"the next run after {until:%H:%M} UTC goes on from here.",
                    until=until,
                )
            entry = {"org": self._org, "at": at, "flow": self._flow, "kind": kind}
            number: int = connection.execute(
                insert(request_ledger).values(entry).returning(request_ledger.c.id)
            ).scalar_one()
        with self._counting:
            self.used += 1
        return number

    def settle(self, request_id: int, status: int, usage: ApiUsage | None) -> None:
        """Write down how a request ended (HTTP status, 0 when no answer came) and what the org has used."""
        self.last_usage = usage or self.last_usage
        known = {"org_used": usage.used, "org_allowed": usage.allowed} if usage else {}
        with self._database.transaction() as connection:
            connection.execute(
                update(request_ledger).values(status=status, **known).where(request_ledger.c.id == request_id)
            )
