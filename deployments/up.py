"""`python -m deployments.up`: Prefect server with UI, blocks, limits, and every deployment served, on one machine."""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.runner import Runner
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.api_budget import load_budget
from crm_sync.errors import ConfigurationError
from deployments.automations import apply_automations
from deployments.definitions import build_deployments, keep_switched_off
from deployments.demo.campaign import save_demo_settings
from deployments.demo.org import demo_org, save_demo_blocks
from deployments.env_file import save_own_blocks
from deployments.register import register
from deployments.version import git_version

_START_SECONDS = 120


def main() -> None:
    """Serve until interrupted."""
    options = _parser().parse_args()
    # A shell that starts this in the background has it ignore Ctrl-C's signal, and all its children too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda *_: sys.exit())
    if options.demo and _is_healthy(_api_url(options.port)):
        raise SystemExit(
            f"A Prefect server answers on port {options.port} already, and the demo would overwrite its blocks; "
            "stop it, or give the demo a port of its own: make up DEMO=1 PORT=4300."
        )
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        api_url = stack.enter_context(prefect_server(options.port))
        stack.enter_context(temporary_settings({PREFECT_API_URL: api_url}))
        _print_lines("Seeing to block types, concurrency limits, alerts and deployments …")
        try:
            register()
            apply_automations(load_budget().notify)
            if options.demo:
                save_demo_blocks(stack.enter_context(demo_org(options.records, lively=True)))
                save_demo_settings()
            else:
                _print_lines(*save_own_blocks())
        except ConfigurationError as problem:
            raise SystemExit(str(problem)) from None
        runner = _Runner(pause_on_shutdown=False, limit=4)
        with get_client(sync_client=True) as client:
            for deployment in build_deployments(git_version()):
                keep_switched_off(client, deployment)
                runner.add_deployment(deployment)
        _print_lines(f"Prefect UI: {api_url.removesuffix('/api')}", "Ctrl-C stops everything; what is saved stays.")
        asyncio.run(runner.start())


def _print_lines(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


class _Runner(Runner):
    """Prefect's runner of served deployments, which ends on SIGTERM as on Ctrl-C; by itself it would go on."""

    def handle_sigterm(self, *_args: Any, **_kwargs: Any) -> None:
        signal.raise_signal(signal.SIGINT)


@contextmanager
def prefect_server(port: int) -> Iterator[str]:
    """Give the API address of the server on `port`, started and stopped here unless one answers already."""
    api_url = _api_url(port)
    if _is_healthy(api_url):
        _print_lines(
            f"A Prefect server answers on port {port} already; its blocks are used, and it is served from here too."
        )
        yield api_url
        return
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    # Else the pages that this server gives would ask the server on Prefect's usual port.
    environment = {**os.environ, "PREFECT_SERVER_UI_API_URL": api_url}
    # In a group of its own, Ctrl-C does not reach it: it stops after its clients.
    server = subprocess.Popen(command, env=environment, process_group=0)  # noqa: S603  # our own words
    try:
        _wait_until_healthy(api_url, server)
        yield api_url
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
        raise SystemExit("The Prefect server did not start; its own lines above say why.")


def _api_url(port: int) -> str:
    return f"http://127.0.0.1:{port}/api"


def _is_healthy(api_url: str) -> bool:
    try:
        return httpx.get(f"{api_url}/health", timeout=2).is_success
    except httpx.HTTPError:
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments.up", description=__doc__)
    parser.add_argument("--port", type=int, default=4200, help="port of the Prefect server on 127.0.0.1")
    parser.add_argument("--demo", action="store_true", help="against a stand-in org, with blocks saved for it")
    parser.add_argument("--records", type=int, default=10_000, help="leads and contacts of the stand-in org")
    return parser


if __name__ == "__main__":
    main()
