"""A Prefect server that is away, lets nobody in, or lets everybody in: one sentence each."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from crm_sync.errors import ConfigurationError
from deployments.deploy import lets_everybody_in, main
from flows.api_budget import api_budget
from flows.full_sync import full_sync
from tasks.run.flow import NO_SERVER, NOT_LET_IN


@contextmanager
def closed_server() -> Iterator[str]:
    """Serve a Prefect API that asks everybody for a password, and give its address."""

    class Closed(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(401, "Unauthorized")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Closed) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api"
        server.shutdown()


def test_a_python_caller_is_told_that_no_prefect_server_answers() -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        for flow in (full_sync, api_budget):
            with pytest.raises(ConfigurationError) as told:
                flow()
            assert str(told.value) == NO_SERVER
            # Else Python shows eighty lines of what went on below.
            assert told.value.__suppress_context__


def test_a_python_caller_is_told_that_the_prefect_server_asks_for_a_password() -> None:
    with (
        closed_server() as api_url,
        temporary_settings({PREFECT_API_URL: api_url}),
        pytest.raises(ConfigurationError) as told,
    ):
        full_sync()
    assert str(told.value) == NOT_LET_IN


@pytest.mark.parametrize("program", ["load_mapping", "list_as_csv", "move_database", "deploy"])
def test_a_program_is_told_that_the_server_is_away_or_asks_for_a_password(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = {"list_as_csv": ["key"], "move_database": ["customers", "other"], "deploy": ["--pool", "pool"]}
    monkeypatch.setattr(sys, "argv", [program, *arguments.get(program, [])])
    run = import_module(f"deployments.{program}").main

    def told() -> str:
        """Return what a person reads."""
        try:
            return capsys.readouterr().err if run() else ""
        except SystemExit as ended:
            return str(ended.code)

    with closed_server() as api_url, temporary_settings({PREFECT_API_URL: api_url}):
        assert told().strip() == NOT_LET_IN
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert told().strip() == NO_SERVER


def test_deploy_warns_of_a_server_that_shows_everybody_its_passwords(
    prefect_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["deploy", "--pool", f"pool-{uuid4().hex[:8]}"])

    main()

    said = capsys.readouterr().out
    assert said.splitlines()[-1].startswith("Careful: this server shows every password to whoever calls it")
    with closed_server() as api_url:
        assert not lets_everybody_in(api_url)
