"""The compose file: what runs, what it waits for, and that its settings are documented and hold no secret."""

import os
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.settings import get_current_settings

_PROJECT = Path(__file__).parents[2]
_FOLDER = _PROJECT / "deployments"
_COMPOSE = (_FOLDER / "compose.yaml").read_text()
_VARIABLE = re.compile(r"\$\{([A-Z_]+)(:-[^}]*)?\}")
_SECRETS = {"prefect-database-password", "customer-database-password", "prefect-login"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Return the services by name."""
    content = yaml.safe_load(_COMPOSE)
    found: dict[str, Any] = content["services"]
    return found


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    """Return the settings of .env.example."""
    lines = (_FOLDER / ".env.example").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def test_two_databases_a_server_and_two_workers(services: dict[str, Any]) -> None:
    assert set(services) == {
        "prefect-database", "customer-database", "prefect-server", "deploy", "worker-1", "worker-2",
    }  # fmt: skip
    databases = [services["prefect-database"], services["customer-database"]]
    assert all(database["image"].startswith("postgres:") for database in databases)
    volumes = {database["volumes"][0].partition(":")[0] for database in databases}
    assert volumes == set(yaml.safe_load(_COMPOSE)["volumes"])
    names = {services[worker]["command"][services[worker]["command"].index("--name") + 1] for worker in _workers()}
    assert names == set(_workers())


def test_prefect_forgets_its_runs_after_some_weeks() -> None:
    """By the settings of pyproject.toml, which `make up` and the image read alike."""
    vacuum = get_current_settings().server.services.db_vacuum
    image = (_FOLDER / "Dockerfile").read_text()

    assert vacuum.enabled == {"events", "flow_runs"}
    assert timedelta(weeks=2) <= vacuum.retention_period <= timedelta(weeks=8)
    assert image.index("WORKDIR") < image.index("COPY pyproject.toml")


def test_all_that_stays_up_tells_whether_it_is_well(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name == "deploy":
            assert service["restart"] == "no"
        else:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"], name
    for worker in _workers():
        assert "--with-healthcheck" in services[worker]["command"]


def test_workers_start_when_the_deployments_are_made(services: dict[str, Any]) -> None:
    assert services["prefect-server"]["depends_on"]["prefect-database"]["condition"] == "service_healthy"
    assert services["deploy"]["depends_on"]["prefect-server"]["condition"] == "service_healthy"
    for worker in _workers():
        assert services[worker]["depends_on"]["deploy"]["condition"] == "service_completed_successfully"
        pool = services[worker]["command"][services[worker]["command"].index("--pool") + 1]
        assert pool in services["deploy"]["command"]


def test_no_page_but_its_own_gets_something_from_the_api_and_everything_may_end_its_work(
    services: dict[str, Any], example: dict[str, str]
) -> None:
    origins = services["prefect-server"]["environment"]["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"]
    assert origins.startswith("${PREFECT_UI_ORIGINS:-")
    assert "*" not in example["PREFECT_UI_ORIGINS"]
    assert {name for name, service in services.items() if "stop_grace_period" not in service} == {"deploy"}
    for image in (services["customer-database"]["image"], (_FOLDER / "Dockerfile").read_text().partition("FROM ")[2]):
        assert re.match(r"\w+:\d+\.\d+", image), image


def test_what_runs_is_a_part_of_what_is_tested() -> None:
    run, dev = (
        (_PROJECT / name).read_text().splitlines()[1:] for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert set(run) < set(dev)
    assert not [line for line in run if line.startswith(("pytest", "mypy", "playwright", "ruff", "hypothesis"))]


def test_server_may_write_the_pages_of_its_ui() -> None:
    image = (_FOLDER / "Dockerfile").read_text()
    (user,) = re.findall(r"^USER (\w+)$", image, re.MULTILINE)

    # In its default place, among the packages that root has installed, it cannot, and serves no UI.
    assert f"ENV PREFECT_UI_STATIC_DIRECTORY=/home/{user}/" in image
    assert f"useradd --create-home --uid 1000 {user}" in image


def test_each_gets_the_secrets_that_it_needs_as_files(services: dict[str, Any]) -> None:
    secrets = {name: set(service["secrets"]) for name, service in services.items()}
    assert secrets.pop("prefect-database") == {"prefect-database-password"}
    assert secrets.pop("customer-database") == {"customer-database-password"}
    assert secrets.pop("prefect-server") == {"prefect-database-password", "prefect-login"}
    for name, own in secrets.items():
        assert own == {"prefect-login"}, name
        assert services[name]["environment"]["PREFECT_API_URL"] == "http://prefect-server:4200/api"
    for database in ("prefect-database", "customer-database"):
        file = services[database]["environment"]["POSTGRES_PASSWORD_FILE"]
        assert file == f"/run/secrets/{database}-password"


def _started(folder: Path, *program: str) -> subprocess.CompletedProcess[str]:
    """Start a program as the image does, with the secrets of a folder."""
    entry = re.findall(r"^ENTRYPOINT (.*)$", (_FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    assert entry == ['["sh", "/opt/deployteq/deployments/with_secrets.sh"]']
    return subprocess.run(
        ["sh", str(_FOLDER / "with_secrets.sh"), *program],  # noqa: S607  # whichever shell there is
        env={"SECRETS_FOLDER": str(folder), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_programs_of_the_image_are_given_what_is_in_the_files(tmp_path: Path) -> None:
    assert "planted" not in _started(tmp_path, "env").stdout
    (tmp_path / "prefect-login").write_text("admin:planted\n")
    (tmp_path / "prefect-database-password").write_text("planted\n")

    given = dict(line.partition("=")[::2] for line in _started(tmp_path, "env").stdout.splitlines())

    assert given["PREFECT_API_AUTH_STRING"] == given["PREFECT_SERVER_API_AUTH_STRING"] == "admin:planted"
    url = "postgresql+asyncpg://prefect:planted@prefect-database/prefect"
    assert given["PREFECT_API_DATABASE_CONNECTION_URL"] == url


def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    # A folder cannot be read by anybody, not by root either.
    (tmp_path / "prefect-login").mkdir()

    refused = _started(tmp_path, "echo", "started")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("The secret prefect-login cannot be read by user")


def test_every_setting_is_documented_none_is_left_over_and_examples_are_the_defaults(example: dict[str, str]) -> None:
    assert {name for name, _ in _VARIABLE.findall(_COMPOSE)} == set(example)
    readme = (_FOLDER / "README.md").read_text()
    assert [name for name in example if f"`{name}`" not in readme] == []
    for name, default in _VARIABLE.findall(_COMPOSE):
        if default.startswith(":-"):
            assert default.removeprefix(":-") == example[name]


def test_no_secret_is_in_the_files_that_are_shared(services: dict[str, Any], example: dict[str, str]) -> None:
    secrets = yaml.safe_load(_COMPOSE)["secrets"]
    assert {name: f"${{DEPLOYTEQ_SECRETS:-./secrets}}/{name}" for name in _SECRETS} == {
        name: secret["file"] for name, secret in secrets.items()
    }
    for name in [*example, *(name for service in services.values() for name in service.get("environment", {}))]:
        assert not re.search(r"PASSWORD$|AUTH_STRING", name), name
    assert "deployments/secrets/" in (_PROJECT / ".gitignore").read_text().splitlines()
    assert "deployments/secrets" in (_FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    readme = (_FOLDER / "README.md").read_text()
    assert "$name-database-password" in readme
    assert "> prefect-login" in readme


def test_ui_listens_on_this_machine_only_unless_told_otherwise(services: dict[str, Any]) -> None:
    assert services["prefect-server"]["ports"] == ["${PREFECT_LISTEN:-127.0.0.1:4200}:4200"]
    assert [name for name, service in services.items() if "ports" in service] == ["prefect-server"]


def test_image_holds_what_the_services_need(services: dict[str, Any]) -> None:
    dockerfile = (_PROJECT / services["worker-1"]["build"]["dockerfile"]).read_text()
    copied = _copied(dockerfile)

    assert all((_PROJECT / source).exists() for source in copied)
    assert {"blocks", "crm_sync", "deployments", "flows", "tasks"} <= copied
    assert re.search(r"^USER (?!root)", dockerfile, re.MULTILINE)
    locked = (_PROJECT / "requirements.lock").read_text()
    for package in ("prefect", "asyncpg", "psycopg", "psycopg-binary"):
        assert re.search(rf"^{package}==", locked, re.MULTILINE), package


def test_builder_gets_what_the_image_holds_and_no_secrets() -> None:
    lines = (_FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}

    assert lines[1] == "*"
    assert sent == _copied((_FOLDER / "Dockerfile").read_text())
    assert lines.index("**/.env") > max(lines.index(f"!{name}") for name in sent)


def _copied(dockerfile: str) -> set[str]:
    return {word for words in re.findall(r"^COPY (.*) \S+$", dockerfile, re.MULTILINE) for word in words.split()}


def _workers() -> tuple[str, str]:
    return "worker-1", "worker-2"
