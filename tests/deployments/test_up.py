"""`make up DEMO=1` and `make demo`: their server is their own, answers nobody else, and goes on after Ctrl-C."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from crm_sync.http.proxies import leave_out_unusable_proxies, no_proxy_here
from deployments.environment import set_own_environment
from tests.browser.served import Served, serve_demo
from tests.deployments.team import until


class _Server(HTTPServer):
    """Stands for a team's Prefect server, and for a proxy: nobody may ask it anything."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    def _note(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_error(502)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = _note

    def log_message(self, *_: Any) -> None:
        """Keep the output of the tests clean."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[_Server]:
    """Yield a server that the environment leads to in every way there is."""
    with _Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def environment(elsewhere: _Server) -> dict[str, str]:
    """Return an environment of somebody who works with a team's server, behind a proxy, in no language."""
    address = f"http://127.0.0.1:{elsewhere.server_port}"
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"), address)
    return proxies | {
        "PREFECT_API_URL": f"{address}/api",
        "PREFECT_API_KEY": "of-the-team",
        "PREFECT_PROFILE": "team",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://team@127.0.0.1:9/prefect",
        "ALL_PROXY": "socks5://127.0.0.1:9",
        "LC_ALL": "C",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a name that needs quotes."""
    folder = tmp_path_factory.mktemp("up") / "räum e"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def served(folder: Path, environment: dict[str, str]) -> Iterator[Served]:
    """Serve the demo."""
    with serve_demo(folder, **environment) as served:
        yield served


def test_proxy_that_prefect_cannot_use_is_left_out_and_said() -> None:
    told = {
        "socks5://user:Secret@127.0.0.1:9": True,
        "http://127.0.0.1:port": True,
        "ftp://proxy": True,
        "http://": True,
        "HTTP://proxy:3128/": False,
        "proxy:3128": False,
        "": False,
    }
    for proxy, is_left_out in told.items():
        environment = {"ALL_PROXY": proxy, "https_proxy": "http://proxy:3128"}
        said = [*leave_out_unusable_proxies(environment)]
        assert ("ALL_PROXY" in environment) != is_left_out, proxy
        assert len(said) == is_left_out
        assert "Secret" not in "".join(said)
        assert environment["https_proxy"]


def test_what_either_spelling_exempts_from_the_proxy_stays_exempt() -> None:
    told = {
        (None, None): "127.0.0.1,localhost",
        (".salesforce.com", None): ".salesforce.com,127.0.0.1,localhost",
        (None, "a.example, localhost"): "a.example,localhost,127.0.0.1",
        ("a.example", "b.example"): "a.example,b.example,127.0.0.1,localhost",
        ("*", None): "*",
    }
    for (upper, lower), exempt in told.items():
        environment = {name: value for name, value in (("NO_PROXY", upper), ("no_proxy", lower)) if value}
        no_proxy_here(environment)
        assert environment == {"NO_PROXY": exempt, "no_proxy": exempt}


def test_database_that_prefect_made_for_everybody_to_read_is_its_users_alone(tmp_path: Path) -> None:
    kept = tmp_path / "prefect.db"
    kept.touch(0o644)
    before = os.umask(0o022)
    try:
        assert set_own_environment({"PREFECT_HOME": str(tmp_path)}) == tmp_path
    finally:
        os.umask(before)
    assert not kept.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def test_only_pages_of_its_own_address_and_only_with_the_login(served: Served) -> None:
    user, _, password = served.login.partition(":")
    own, way_in = served.url, (user, password)

    def ask(headers: dict[str, str], auth: tuple[str, str] | None = way_in) -> tuple[int, str | None]:
        blocks = f"{own}/api/block_documents/filter"
        answer = requests.post(blocks, headers=headers, auth=auth, json={"include_secrets": True}, timeout=30)
        return answer.status_code, answer.headers.get("access-control-allow-origin")

    assert ask({}) == (200, None)
    assert ask({"Origin": own}) == (200, own)
    assert ask({}, None)[0] == 401
    assert ask({"Origin": "https://evil.example"}) == (403, None)
    assert ask({"Origin": "null"}) == (403, None)
    assert ask({"Host": "evil.example"})[0] == 403
    assert requests.get(own, headers={"Host": "evil.example:4200"}, timeout=30).status_code == 403


def test_nobody_but_its_user_reads_its_files(served: Served) -> None:
    others = stat.S_IRWXG | stat.S_IRWXO
    kept = served.folder / ".demo"
    assert not kept.stat().st_mode & others, "nobody else gets to what is below"
    # The pages of the UI are copied there with the modes that they have in the package.
    open_to_others = [path for path in kept.rglob("*") if path.stat().st_mode & others]
    assert [
        path.name
        for path in open_to_others
        if path.suffix in {".db", ".json", ".toml", ".sqlite", ""} and path.is_file()
    ] == []


def test_a_second_one_is_refused_in_a_sentence(served: Served) -> None:
    command = [sys.executable, "-m", "deployments.up", "--port"]
    for port, sentence in ((served.url.rpartition(":")[2], "listens on port"), ("x", "PORT=x is no port")):
        second = subprocess.run([*command, port], cwd=Path.cwd(), capture_output=True, text=True, check=False)
        assert sentence in second.stderr
        assert second.returncode


def test_a_cut_full_sync_goes_on_at_the_next_start_and_no_other_server_was_asked(
    served: Served, folder: Path, environment: dict[str, str], elsewhere: _Server
) -> None:
    slow = {"action": "delay", "path": "jobs/query", "seconds": 60}
    served.tell_org(faults=[slow])
    deployment = served.deployments()["full-sync"]["id"]
    cut = served.ask(f"/deployments/{deployment}/create_flow_run")["id"]
    until(lambda: served.run(cut)["state_type"] == "RUNNING", "the full sync runs")
    served.stop()

    with serve_demo(folder, **environment) as again:
        assert again.run(cut)["state_type"] == "CRASHED"
        assert "goes on from there" in again.run(cut)["state"]["message"]
        (next_one,) = [
            run for run in again.ask("/flow_runs/filter", sort="START_TIME_DESC")
            if run["deployment_id"] == deployment and run["id"] != cut
        ]  # fmt: skip
        until(lambda: again.run(next_one["id"])["state_type"] == "COMPLETED", "the next full sync ends")
        _kill_in_a_run(again)
        assert "Traceback" not in (folder / "up.log").read_text()
    assert elsewhere.asked == []


@pytest.mark.long
def test_the_demo_tells_its_story_and_nothing_else_and_asks_no_other_server(
    folder: Path, environment: dict[str, str], elsewhere: _Server
) -> None:
    def screen() -> str:
        python_path = {"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(folder)}
        told = subprocess.run(
            [sys.executable, "-m", "deployments.demo", "--deployteq"],
            cwd=folder,
            env=os.environ | environment | python_path,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert told.returncode == 0
        assert not [word for word in ("Traceback", "Task run", "INFO", "WARNING") if word in told.stdout + told.stderr]
        assert len(told.stdout.splitlines()) < 120
        return " ".join(told.stdout.split())

    first = screen()
    steps = ["Starting Prefect", *(f" {number}. " for number in range(1, 6)), "Next: make up DEMO=1, then open http://"]
    places = [first.index(step) for step in steps]
    assert places == sorted(places)
    assert "Salesforce has the no: Email Opt Out is ticked" in first
    assert "Planned trouble: for five" in first

    assert "Nothing changed in Salesforce since the last run, so nothing changed here." in screen()
    assert elsewhere.asked == []


def _kill_in_a_run(served: Served) -> None:
    """Kill it in a full sync: what it has started ends too, and the runs before their server."""
    served.tell_org(faults=[{"action": "delay", "path": "jobs/query", "seconds": 60}])
    served.ask(f"/deployments/{served.deployments()['full-sync']['id']}/create_flow_run")
    until(lambda: "prefect.engine" in " ".join(served.processes()), "the full sync runs")

    served.kill()

    until(lambda: "deployments.server" not in " ".join(served.processes()), "the server has ended")
    assert "prefect.engine" not in " ".join(served.processes())
    until(lambda: not served.processes(), "the stand-ins have ended")
