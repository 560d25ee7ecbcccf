"""Blocks saved for the user: own credentials from the environment or a file, and those of the demo."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.load import load_block
from blocks.salesforce_credentials import LoginKind, SalesforceCredentials
from blocks.saved_block import SavedBlock
from crm_sync.errors import ConfigurationError
from crm_sync.mapping.model import Precedence
from deployments.demo.org import save_demo_blocks
from deployments.env_file import is_saved, save_own_blocks

_NAMES: dict[str, type[SavedBlock]] = {
    "salesforce": SalesforceCredentials,
    "customers": CustomerDatabase,
    "mapping": DataMapping,
}


@pytest.fixture(autouse=True)
def folder(prefect_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a folder of its own, on a server without these blocks."""
    monkeypatch.chdir(tmp_path)
    _forget()
    yield tmp_path
    _forget()


def _forget() -> None:
    for name, kind in _NAMES.items():
        if is_saved(kind, name):
            kind.delete(name)


def test_settings_of_a_file_become_blocks(folder: Path) -> None:
    lines = ["SALESFORCE_USERNAME=ada@acme.example", "SALESFORCE_PASSWORD=pass#word", "SALESFORCE_SECURITY_TOKEN=t0ken"]
    lines += ["SALESFORCE_SANDBOX=true", "SALESFORCE_MY_DOMAIN=", f"CUSTOMER_DATABASE_URL=sqlite:///{folder}/c.db"]
    (folder / ".env").write_text("\n".join([*lines, "PREFECT_LOGGING_LEVEL=INFO", ""]))

    said = list(save_own_blocks())

    block = load_block(SalesforceCredentials, "salesforce")
    assert (block.username, block.password.get_secret_value()) == ("ada@acme.example", "pass#word")
    assert (block.login_with, block.sandbox, block.my_domain) == (LoginKind.PASSWORD, True, "")
    assert load_block(CustomerDatabase, "customers").url.get_secret_value().endswith("/c.db")
    assert load_block(DataMapping, "mapping").rules() == DataMapping().rules()
    assert len(said) == 3
    assert "pass" not in " ".join(said)


def test_environment_goes_before_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text(
        "SALESFORCE_CONSUMER_KEY=old\nSALESFORCE_CONSUMER_SECRET=s\nSALESFORCE_MY_DOMAIN=acme\n"
    )
    monkeypatch.setenv("SALESFORCE_CONSUMER_KEY", "new")

    list(save_own_blocks())

    block = load_block(SalesforceCredentials, "salesforce")
    assert (block.login_with, block.consumer_key) == (LoginKind.CLIENT_CREDENTIALS, "new")


def test_private_key_is_read_from_its_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n")
    for name, value in {"USERNAME": "ada", "CONSUMER_KEY": "key", "PRIVATE_KEY_FILE": "key.pem"}.items():
        monkeypatch.setenv(f"SALESFORCE_{name}", value)

    list(save_own_blocks())

    block = load_block(SalesforceCredentials, "salesforce")
    assert block.login_with is LoginKind.JWT
    assert "BEGIN PRIVATE KEY" in block.private_key.get_secret_value()


def test_without_settings_blocks_stay_as_they_are() -> None:
    SalesforceCredentials(username="by hand", password="by hand").save("salesforce")

    assert list(save_own_blocks()) == []
    assert load_block(SalesforceCredentials, "salesforce").username == "by hand"


def test_blocks_that_others_use_too_are_made_and_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USERNAME", "PASSWORD"):
        monkeypatch.setenv(f"SALESFORCE_{name}", "ours")
    SalesforceCredentials(username="theirs", password="theirs").save("salesforce")

    assert "stays as it is" in next(save_own_blocks(replace=False))
    assert load_block(SalesforceCredentials, "salesforce").username == "theirs"


@pytest.mark.parametrize(
    ("settings", "named_in_the_error"),
    [
        ({"SALESFORCE_USERNAME": "ada"}, "password"),
        ({"SALESFORCE_SANDBOX": "perhaps"}, "SALESFORCE_SANDBOX"),
        ({"SALESFORCE_PRIVATE_KEY_FILE": "nowhere.pem"}, "SALESFORCE_PRIVATE_KEY_FILE"),
        ({"CUSTOMER_DATABASE_URL": "mysql://ada:s3cret@host/db"}, "customers"),
    ],
)
def test_settings_that_cannot_be_used_are_named(
    settings: dict[str, str], named_in_the_error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=named_in_the_error) as refusal:
        list(save_own_blocks())
    assert "s3cret" not in str(refusal.value)
    assert not is_saved(SalesforceCredentials, "salesforce")


def test_every_setting_of_the_example_is_read() -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text().splitlines()
    names = {line.partition("=")[0] for line in example if line and not line.startswith("#")}
    (Path.cwd() / ".env").write_text("".join(f"{name}=x\n" for name in sorted(names - {"SALESFORCE_SANDBOX"})))

    with pytest.raises(ConfigurationError, match="SALESFORCE_PRIVATE_KEY_FILE"):
        list(save_own_blocks())
    assert names == {
        "SALESFORCE_USERNAME", "SALESFORCE_PASSWORD", "SALESFORCE_SECURITY_TOKEN", "SALESFORCE_SANDBOX",
        "SALESFORCE_MY_DOMAIN", "SALESFORCE_CONSUMER_KEY", "SALESFORCE_CONSUMER_SECRET",
        "SALESFORCE_PRIVATE_KEY_FILE", "SALESFORCE_ENDPOINT_URL", "CUSTOMER_DATABASE_URL",
    }  # fmt: skip


def test_next_start_of_the_demo_leaves_a_changed_mapping_alone() -> None:
    save_demo_blocks("http://127.0.0.1:8001")
    changed = load_block(DataMapping, "mapping")
    changed.precedence = Precedence.LATEST
    changed.save("mapping", overwrite=True)

    save_demo_blocks("http://127.0.0.1:8002")

    assert load_block(SalesforceCredentials, "salesforce").endpoint_url == "http://127.0.0.1:8002"
    assert load_block(DataMapping, "mapping").precedence is Precedence.LATEST
