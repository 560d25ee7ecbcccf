"""What the product keeps in Prefect is kept by a new server too, whose key to its secrets is made by whoever comes
first."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from blocks.address_key import SECRET_NAME, load_address_key
from blocks.kept_secret import save_secret
from blocks.salesforce_credentials import SalesforceCredentials
from blocks.session_store import PrefectSessionStore
from crm_sync.errors import AuthenticationError
from crm_sync.salesforce.login.logins import Session
from tests.rigs.org import Rig, start_rig


@pytest.fixture
def tries(prefect_home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let two processes keep their first secrets at once: one of them is answered that the key is not there."""
    tried, save = list[str](), Secret.save

    def save_second_time(self: Secret[Any], name: str, **options: Any) -> Any:
        tried.append(name)
        if len(tried) == 1:
            raise ObjectNotFound(None)  # type: ignore[arg-type]  # as Prefect itself answers
        return save(self, name, **options)

    monkeypatch.setattr(Secret, "save", save_second_time)
    return tried


def test_a_session_is_saved_again(tries: list[str]) -> None:
    login = SalesforceCredentials(username="first@planted.example", password="p", security_token="t").login()
    session = Session("00D!planted", "https://acme.my.salesforce.com", login.user, "f")
    store = PrefectSessionStore(login)

    store.save(session)

    assert len(tries) == 2
    assert store.load() == session


@pytest.fixture
def without_a_key(prefect_home: Path) -> Iterator[None]:
    """Take the key of the session's databases away, and put it back: they are hashed with it."""
    kept = load_address_key().hex()
    with get_client(sync_client=True) as client:
        for document in client.read_block_documents():
            if document.name == SECRET_NAME:
                client.delete_block_document(document.id)
    yield
    save_secret(SECRET_NAME, kept, overwrite=True)


def test_the_key_of_address_hashes_is_saved_again_and_stays_the_same(without_a_key: None, tries: list[str]) -> None:
    made = load_address_key()

    assert tries == [SECRET_NAME] * 2
    assert load_address_key() == made


@pytest.fixture
def two_with_one_log_in(tmp_path: Path) -> Iterator[tuple[Rig, Rig]]:
    """Start two orgs at two addresses of this machine, whose integration users have the same name and password."""
    one_folder, other_folder = tmp_path / "one", tmp_path / "other"
    for folder in (one_folder, other_folder):
        folder.mkdir()
    with (
        start_rig(one_folder, f"sqlite:///{one_folder}/customers.db", people=0) as one,
        start_rig(other_folder, f"sqlite:///{other_folder}/customers.db", people=0) as other,
    ):
        other.org.settings.username = one.salesforce.username
        other.salesforce = one.salesforce.model_copy(update={"endpoint_url": other.server.url})
        yield one, other


@pytest.mark.flow
def test_a_session_goes_to_no_other_address(two_with_one_log_in: tuple[Rig, Rig]) -> None:
    one, other = two_with_one_log_in
    one.sync()

    other.sync()
    other.sync()
    one.sync()

    assert [[request for request in rig.requests() if request == "login"] for rig in (one, other)] == [
        ["login", "login"],
        ["login"],
    ]
    assert [rig.requests()[0] for rig in (one, other)] == ["login", "login"]
    assert [entry.status for rig in (one, other) for entry in rig.org.requests if entry.status >= 400] == []


@pytest.mark.flow
def test_a_refused_log_in_is_refused_at_no_other_address(two_with_one_log_in: tuple[Rig, Rig]) -> None:
    one, other = two_with_one_log_in
    one.org.settings.password = "changed-since"
    with pytest.raises(AuthenticationError, match="password or security token is wrong"):
        one.sync()

    assert other.sync().state == "Completed"
