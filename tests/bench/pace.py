"""The pace for real: three processes, one Prefect server, an hour of two minutes; counted at the stand-in's journal.

`python -m tests.bench.pace [seconds] [PostgreSQL URL]`; the last line is the figures as JSON.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from crm_sync.budget.rules import BudgetRules, Reservation
from deployments.environment import lead_to_own_server, set_own_environment
from standins.salesforce.org.org import Org
from standins.salesforce.org.settings import OrgSettings
from standins.salesforce.server import Server

_HOUR = timedelta(seconds=120)
_PER_HOUR = 360
_RULES = BudgetRules(requests_per_hour=_PER_HOUR, keep_for_pull=Reservation(hour=2), keep_for_push=Reservation())
# (requests at once, requests a second), as in tasks/throttle.py: burst + seconds * rate <= 360.
_PACE = (12, 2.9)
_BACKGROUND = (6, 2.85)
_PORT = 4299
_USER = ("pace@demo.example", "demo-password", "demoToken")


def work(org_url: str, database_url: str, flow: str, seconds: float, pause: float) -> None:
    """Make requests for so many seconds, one after the other, and say how long the longest wait was."""
    from blocks.session_store import PrefectSessionStore  # noqa: PLC0415
    from crm_sync.budget.ledger import RequestLedger  # noqa: PLC0415
    from crm_sync.database.engine import CustomerDatabase  # noqa: PLC0415  # after PREFECT_API_URL is set
    from crm_sync.errors import LimitReachedError  # noqa: PLC0415
    from crm_sync.requests import RequestKind  # noqa: PLC0415
    from crm_sync.salesforce.http.transport import Transport  # noqa: PLC0415
    from crm_sync.salesforce.login.logins import UserPasswordLogin  # noqa: PLC0415
    from crm_sync.salesforce.org import SalesforceOrg  # noqa: PLC0415
    from tasks.run.throttle import open_throttle  # noqa: PLC0415

    def now() -> datetime:
        return datetime.now(UTC)

    def wait(refusal: LimitReachedError) -> bool:
        time.sleep(max(0.0, (refusal.until - now()).total_seconds()) + 0.02 if refusal.until else 0.1)
        return True

    database = CustomerDatabase(database_url)
    ledger = RequestLedger(database, org="pace", flow=flow, rules=_RULES, clock=now, wait=wait, hour=_HOUR)
    username, password, token = _USER
    login = UserPasswordLogin(username=username, password=password, security_token=token)
    waits, until = [0.0], time.monotonic() + seconds
    with (
        open_throttle(flow) as throttle,
        Transport(throttle=throttle, ledger=ledger, clock=now, endpoint_url=org_url) as transport,
    ):
        org = SalesforceOrg(login, transport, PrefectSessionStore(login))
        while time.monotonic() < until:
            began = time.monotonic()
            org.request("GET", "limits", RequestKind.LIMITS)
            waits.append(time.monotonic() - began)
            time.sleep(pause)
    print(json.dumps({"flow": flow, "made": ledger.used, "longest_wait": round(max(waits), 2)}), flush=True)  # noqa: T201


def main(seconds: float, database_url: str) -> None:
    """Start everything, let it run, and count."""
    lead_to_own_server(_PORT, set_own_environment(home=Path(os.environ["PREFECT_HOME"])))
    from deployments.serving import prefect_server  # noqa: PLC0415  # reads what has just been set

    username, password, token = _USER
    settings = OrgSettings(
        username=username, password=password, security_token=token, hourly_limit=_PER_HOUR, hour=_HOUR
    )
    with prefect_server(_PORT), Org(settings) as org, Server(org) as server:
        _set_limits()
        flows = {"full_sync": 0.0, "contact_moment_export": 0.0, "incremental_pull": 5.0}
        command = [sys.executable, "-m", "tests.bench.pace", "work", server.url, database_url]
        work(server.url, database_url, "check_connection", 0.5, 0.5)
        running = [
            subprocess.Popen([*command, flow, str(seconds), str(pause)], stdout=subprocess.PIPE, text=True)
            for flow, pause in flows.items()
        ]
        for process in running:
            print(process.communicate()[0].strip(), flush=True)  # noqa: T201
        print(json.dumps(_figures(org)))  # noqa: T201


def _set_limits() -> None:
    from prefect.client.orchestration import get_client  # noqa: PLC0415

    from tasks.run.throttle import ALL_REQUESTS, BULK_REQUESTS, SLOTS_PER_REQUEST  # noqa: PLC0415

    with get_client(sync_client=True) as client:
        for name, (burst, rate) in {ALL_REQUESTS: _PACE, BULK_REQUESTS: _BACKGROUND}.items():
            client.upsert_global_concurrency_limit_by_name(
                name, limit=burst * SLOTS_PER_REQUEST, slot_decay_per_second=rate * SLOTS_PER_REQUEST
            )


def _figures(org: Org) -> dict[str, object]:
    times = sorted(entry.time for entry in org.requests)
    most = max(sum(start <= time < start + _HOUR for time in times) for start in times)
    # The last seconds do not count: there, some processes have ended already.
    first, last = times[0] + timedelta(seconds=20), times[-1] - timedelta(seconds=5)
    steady = [time for time in times if first <= time < last]
    rate = len(steady) / (last - first).total_seconds() * _HOUR.total_seconds()
    return {
        "requests": len(times),
        "allowed_in_an_hour": _PER_HOUR,
        "most_in_any_hour": most,
        "sustained_share": round(rate / _PER_HOUR, 4),
        "statuses": dict(Counter(entry.status for entry in org.requests)),
        "kinds": dict(org.journal.counts()),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2], sys.argv[3], sys.argv[4], float(sys.argv[5]), float(sys.argv[6]))
    else:
        with TemporaryDirectory(prefix="pace-") as folder:
            os.environ["PREFECT_HOME"] = str(Path(folder) / "prefect")
            given = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/customers.db"
            main(float(sys.argv[1]) if len(sys.argv) > 1 else 150, given)
