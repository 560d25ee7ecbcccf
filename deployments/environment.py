"""The environment of the programs that start a Prefect server of their own, set before Prefect is imported.

Nothing that a shell, a profile or a file says about another server reaches them: they save blocks, and those of a team
are not theirs to replace.
"""

import fcntl
import os
import secrets
import socket
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path

from crm_sync.http.proxies import THIS_MACHINE, leave_out_unusable_proxies, no_proxy_here

DEMO_FOLDER = Path(".demo").absolute()

# What leads to another server or another database, or says how to get in there.
_ELSEWHERE = (
    "PREFECT_API_",
    "PREFECT_CLIENT_CUSTOM_HEADERS",
    "PREFECT_CLOUD_",
    "PREFECT_PROFILE",
    "PREFECT_REDIS_",
    "PREFECT_SERVER_API_",
    "PREFECT_SERVER_CONCURRENCY_",
    "PREFECT_SERVER_CORS_",
    "PREFECT_SERVER_DATABASE_",
    "PREFECT_SERVER_DOCKET_",
    "PREFECT_SERVER_EVENTS_MESSAGING_",
    "PREFECT_MESSAGING_",
    "PREFECT_UI_",
    "PREFECT_SERVER_UI_",
)
_KEPT = {"PREFECT_API_REQUEST_TIMEOUT", "PREFECT_SERVER_UI_STATIC_DIRECTORY", "PREFECT_UI_STATIC_DIRECTORY"}
_OWN_DATABASE = {"PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_DATABASE_CONNECTION_URL"}
_LOGIN = "login-of-make-up"
_LOCK = "make-up.lock"


def set_own_environment(environment: MutableMapping[str, str] | None = None, *, home: Path | None = None) -> Path:
    """Take out what leads to another server, keep files to this user, and return Prefect's folder.

    `home`: the folder that only the demo uses; then a database that the environment names is not used either.
    """
    environment = os.environ if environment is None else environment
    os.umask(0o077)
    kept = _KEPT if home else _KEPT | _OWN_DATABASE
    for name in [name for name in environment if name.startswith(_ELSEWHERE) and name not in kept]:
        del environment[name]
    folder = home or Path(environment.get("PREFECT_HOME") or Path.home() / ".prefect").expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if home:
        home.parent.chmod(0o700)
    for kept_before in folder.glob("prefect.db*"):
        # Made by Prefect itself, for everybody to read; credentials get into it now, and the key that opens them.
        with suppress(OSError):
            kept_before.chmod(0o600)
    environment["PREFECT_HOME"] = str(folder)
    # Nothing of a run goes to Prefect's makers, wherever the programs are started.
    environment.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    environment.setdefault("DO_NOT_TRACK", "1")
    # Set and not only left out: a file in this folder, or a profile, might name another one.
    environment["PREFECT_PROFILES_PATH"] = str(folder / "profiles-of-make-up.toml")
    if "TMPDIR" not in environment:
        # Prefect's runner has one folder below it for all users of a machine, which only the first of them may write.
        (folder / "tmp").mkdir(exist_ok=True)
        environment["TMPDIR"] = str(folder / "tmp")
    if "PREFECT_UI_STATIC_DIRECTORY" not in environment:
        # By default the server writes its pages among the packages, which may be another user's.
        environment.setdefault("PREFECT_SERVER_UI_STATIC_DIRECTORY", str(folder / "ui"))
    if home:
        environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = f"sqlite+aiosqlite:///{folder / 'prefect.db'}"
    no_proxy_here(environment)
    sys.stderr.writelines(f"{line}\n" for line in leave_out_unusable_proxies(environment))
    return folder


def lead_to_own_server(port: int, folder: Path, environment: MutableMapping[str, str] | None = None) -> str:
    """Name the server on `port` of this machine, which asks for a login, and return the login: user:password.

    It is made at the first start and kept in `folder`, for this user only.
    """
    environment = os.environ if environment is None else environment
    login = _kept_login(folder / _LOGIN)
    api_url = f"{own_origins(port)[0]}/api"
    environment["PREFECT_API_URL"] = api_url
    environment["PREFECT_API_AUTH_STRING"] = environment["PREFECT_SERVER_API_AUTH_STRING"] = login
    environment["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] = ",".join(own_origins(port))
    # Else the pages that this server gives would ask the server on Prefect's usual port.
    environment["PREFECT_SERVER_UI_API_URL"] = api_url
    return login


def own_hosts(port: int) -> list[str]:
    """Return the names by which processes and browsers of this machine reach the port."""
    return [f"{name}:{port}" for name in THIS_MACHINE]


def own_origins(port: int) -> list[str]:
    """Return the addresses under which a browser on this machine shows the UI."""
    return [f"http://{host}" for host in own_hosts(port)]


def free_port() -> int:
    """Return a port of this machine on which nothing listens."""
    with socket.socket() as listener:
        listener.bind((THIS_MACHINE[0], 0))
        return int(listener.getsockname()[1])


def is_free(port: int) -> bool:
    """Return whether nothing listens on this port; raises PermissionError for one that this user may not take."""
    with socket.socket() as listener:
        # What has just stopped is no obstacle, as it is none to the server.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((THIS_MACHINE[0], port))
        except PermissionError:
            raise
        except OSError:
            return False
    return True


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keep another `make up` or `make demo` off the folder: two servers would write one database."""
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemExit(
                f"Another `make up` or `make demo` works in {folder}; stop it with Ctrl-C in its terminal first."
            ) from None
        yield


def _kept_login(file: Path) -> str:
    if not file.exists():
        with open(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as made:  # noqa: PTH123  # with its mode
            made.write(f"admin:{secrets.token_urlsafe(18)}\n")
    return file.read_text().strip()
