"""The demo as `make up DEMO=1` serves it, in a folder of its own, and what its Prefect server says."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psutil
import requests
from requests.adapters import HTTPAdapter
from sqlalchemy import Connection
from urllib3.util import Retry

from crm_sync.database.engine import CustomerDatabase
from crm_sync.push.queue_store import enter_campaign
from deployments.demo.customers import change_customers, choose_contacts, let_the_pause_pass
from tasks.run.run import utc_now

_REPOSITORY = Path(__file__).parents[2]
_START_SECONDS = 400
_STOP_SECONDS = 60
# What a server on SQLite answers while another request writes.
_BUSY = Retry(total=8, backoff_factor=0.2, status_forcelist=[503], allowed_methods=None)


class Served:
    """A Prefect server with every deployment served."""

    def __init__(self, url: str, folder: Path, process: subprocess.Popen[bytes]) -> None:
        """Ask the server at `url`, which keeps its files in `folder`, and which `process` has started."""
        self.url = url
        self._process = process
        self.folder = folder
        self.login = (folder / ".demo" / "prefect" / "login-of-make-up").read_text().strip()
        self._session = requests.Session()
        user, _, password = self.login.partition(":")
        self._session.auth = (user, password)
        self._session.mount("http://", HTTPAdapter(max_retries=_BUSY))

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        _stop(self._process)

    def kill(self) -> None:
        """Kill what has started it, and nothing else."""
        self._process.kill()
        self._process.wait()

    def processes(self) -> list[str]:
        """Return what runs in the folder."""
        return [*_commands_in(self.folder)]

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def ask(self, path: str, **question: Any) -> Any:
        """Return the answer to a POST."""
        answer = self._session.post(f"{self.url}/api{path}", json=question, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def deployments(self) -> dict[str, dict[str, Any]]:
        """Return the deployments by name."""
        return {deployment["name"]: deployment for deployment in self.ask("/deployments/filter")}

    def block(self, name: str) -> dict[str, Any]:
        """Return what the block of that name holds, as the UI gets it."""
        found = self.ask("/block_documents/filter", block_documents={"name": {"any_": [name]}})
        assert len(found) == 1, f"{len(found)} blocks are named {name}"
        data: dict[str, Any] = found[0]["data"]
        return data

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a flow run."""
        (run,) = self.ask("/flow_runs/filter", flow_runs={"id": {"any_": [run_id]}})
        found: dict[str, Any] = run
        return found

    def tell_org(self, **orders: Any) -> Any:
        """Give orders to the stand-in org, as its sales people and its limits would; return what came of them."""
        endpoint = self.block("salesforce")["endpoint_url"]
        answer = self._session.post(f"{endpoint}/__control", json=orders, timeout=30)
        answer.raise_for_status()
        return answer.json()["done"]

    @contextmanager
    def database(self) -> Iterator[CustomerDatabase]:
        """Open the customer database: the Deployteq side of the demo."""
        with closing(CustomerDatabase(f"sqlite:///{self.folder / '.demo' / 'customers.db'}")) as database:
            yield database

    @contextmanager
    def customers(self) -> Iterator[Connection]:
        """Give a transaction in it."""
        with self.database() as database, database.transaction() as connection:
            yield connection

    def enter_campaign(self, campaign: str) -> None:
        """Let ten changed customers enter: Salesforce refuses the titles of three, and two for a limit."""
        with self.customers() as connection:
            contacts = choose_contacts(connection, 10, without_title="Guest")
            ids = list(contacts)
            change_customers(connection, ids, utc_now(), job_title="Guest")
            change_customers(connection, ids[:3], utc_now(), job_title="x" * 129)
            enter_campaign(connection, campaign, ids, utc_now())
        limited = {"keys": [contacts[one] for one in ids[3:5]], "code": "REQUEST_LIMIT_EXCEEDED", "message": "Limit."}
        self.tell_org(refusals=[limited])

    def end_the_limit(self) -> None:
        """Let the org take requests again, and the pause be over in which nobody asks it."""
        self.tell_org(clear_refusals=True)
        with self.customers() as connection:
            let_the_pause_pass(connection, utc_now())

    def kept(self) -> dict[str, str]:
        """Return what Prefect and the processes have written anywhere, by file."""
        files = [*(self.folder / ".demo" / "prefect").rglob("*"), self.folder / "up.log"]
        return {path.name: path.read_bytes().decode("latin-1") for path in files if path.is_file()}


@contextmanager
def serve_demo(folder: Path, **variables: str) -> Iterator[Served]:
    """Start the demo with 300 people and a Deployteq account, and stop it as Ctrl-C does.

    `variables`: more of the environment.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--demo", "--deployteq", "--records", "300", "--port", str(port)]
    log = folder / "up.log"
    with log.open("wb") as lines, subprocess.Popen(
        [sys.executable, "-m", "deployments.up", *options],
        cwd=folder,
        env=_environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        ready = threading.Event()
        copying = threading.Thread(target=_copy, args=(process.stdout, lines, ready))
        copying.start()
        try:
            ready.wait(_START_SECONDS)
            assert process.poll() is None, f"The demo did not start:\n{log.read_text()[-3000:]}"
            with closing(Served(f"http://127.0.0.1:{port}", folder, process)) as served:
                yield served
        finally:
            _stop(process)
            copying.join()


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return own | {
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",  # only those runs begin that a person asks for
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",  # a run that was asked for begins at once
        "PYTHONPATH": os.pathsep.join([str(_REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }


def _copy(source: IO[bytes], log: IO[bytes], ready: threading.Event) -> None:
    """Keep what the demo says, and note when it is ready or has ended."""
    for line in source:
        log.write(line)
        log.flush()
        if line.startswith(b"Prefect UI:"):
            ready.set()
    ready.set()


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def _commands_in(folder: Path) -> Iterator[str]:
    for process in psutil.process_iter():
        # Gone by now, or another user's.
        with suppress(psutil.Error):
            if process.cwd() == str(folder):
                yield " ".join(process.cmdline())
