"""A session is kept by a new Prefect server too, whose key to its secrets is made by whoever comes first."""

from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.system import Secret
from prefect.exceptions import ObjectNotFound

from blocks.salesforce_credentials import SalesforceCredentials
from blocks.session_store import PrefectSessionStore
from crm_sync.salesforce.login.logins import Session


def test_a_secret_that_another_process_made_the_key_of_is_saved_again(
    prefect_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes that log in first make the key at once, and one of them is answered that it is not there."""
    tries, save = [], Secret.save

    def save_second_time(self: Secret[Any], *arguments: Any, **options: Any) -> Any:
        tries.append(arguments)
        if len(tries) == 1:
            raise ObjectNotFound(None)  # type: ignore[arg-type]  # as Prefect itself answers
        return save(self, *arguments, **options)

    monkeypatch.setattr(Secret, "save", save_second_time)
    login = SalesforceCredentials(username="first@planted.example", password="p", security_token="t").login()
    store, session = (
        PrefectSessionStore(login),
        Session("00D!planted", "https://acme.my.salesforce.com", login.user, "f"),
    )

    store.save(session)

    assert len(tries) == 2
    assert store.load() == session
