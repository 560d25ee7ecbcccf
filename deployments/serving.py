"""Serves every deployment from a Prefect server that is started here and stops with it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.runner import Runner

from blocks.api_budget import load_budget
from blocks.deployteq_account import DeployteqAccount
from crm_sync.errors import ConfigurationError
from deployments.automations import apply_automations
from deployments.cut_runs import end_cut_runs, end_processes_of_runs
from deployments.definitions import build_deployments
from deployments.demo.campaign import save_demo_settings
from deployments.demo.org import demo_org, save_demo_blocks
from deployments.env_file import is_saved, save_own_blocks
from deployments.environment import own_origins
from deployments.kept_schedules import keep_schedules
from deployments.register import register
from deployments.version import git_version

# On a machine that does much else at once, the first start takes minutes.
_START_SECONDS = 300


def serve(port: int, login: str, *, records: int | None, deployteq: bool = False) -> None:
    """Serve until interrupted; `records`: of the stand-in org of the demo, None without it.

    `deployteq`: with a stand-in account as well; once it was there, the demo goes on with it.
    """
    with ExitStack() as stack:
        stack.enter_context(prefect_server(port))
        _print_lines("Seeing to block types, concurrency limits, alerts and deployments …")
        try:
            register()
            apply_automations(load_budget().notify)
            if records is not None:
                save_demo_blocks(stack.enter_context(demo_org(records, lively=True)))
                save_demo_settings()
                if deployteq or is_saved(DeployteqAccount, "deployteq"):
                    # Without an account nothing of the exchange is imported.
                    demo = import_module("deployments.demo.deployteq")
                    demo.save_account(stack.enter_context(demo.demo_brand(lively=True)))
            else:
                _print_lines(*save_own_blocks())
        except ConfigurationError as problem:
            raise SystemExit(str(problem)) from None
        runner = _Runner(pause_on_shutdown=False, limit=4)
        with get_client(sync_client=True) as client:
            for deployment in build_deployments(git_version()):
                _print_lines(*keep_schedules(client, deployment))
                runner.add_deployment(deployment)
        _print_lines(*end_cut_runs())
        # Whoever stops this stops its runs; nobody else runs them.
        stack.callback(lambda: _print_lines(*end_cut_runs()))
        user, _, password = login.partition(":")
        _print_lines(
            f"Prefect UI: {own_origins(port)[0]}",
            f"Log in there with {user}:{password} (kept in {os.environ['PREFECT_HOME']}).",
            "Ctrl-C stops everything; what is saved stays.",
        )
        asyncio.run(runner.start())


def _print_lines(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


class _Runner(Runner):
    """Prefect's runner of served deployments, which ends on SIGTERM as on Ctrl-C; by itself it would go on."""

    def handle_sigterm(self, *_args: Any, **_kwargs: Any) -> None:
        signal.raise_signal(signal.SIGINT)


@contextmanager
def prefect_server(port: int) -> Iterator[None]:
    """Start the server that the environment leads to, and stop it in the end."""
    # Where everything was killed at once, nobody has ended them.
    end_processes_of_runs(PREFECT_API_URL=os.environ["PREFECT_API_URL"])
    # In a group of its own, Ctrl-C does not reach it: it stops after its clients, or when its input is closed.
    server = subprocess.Popen(  # noqa: S603  # our own words
        [sys.executable, "-m", "deployments.server", str(port)], stdin=subprocess.PIPE, process_group=0
    )
    try:
        _wait_until_healthy(f"{own_origins(port)[0]}/api", server)
        yield
    finally:
        server.terminate()
        server.wait()


def _wait_until_healthy(api_url: str, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while not _is_healthy(api_url):
        try:
            server.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            if time.monotonic() < give_up:
                continue
            raise SystemExit(
                f"The Prefect server did not answer within {_START_SECONDS // 60} minutes; start it again when this "
                "machine has less to do."
            ) from None
        raise SystemExit("The Prefect server did not start; its own lines above say why.")


def _is_healthy(api_url: str) -> bool:
    try:
        return httpx.get(f"{api_url}/health", timeout=2).is_success
    except httpx.HTTPError:
        return False
