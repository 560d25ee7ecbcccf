"""No secret and no person gets into what Prefect keeps: logs, artifacts, states, parameters, files."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prefect.logging.handlers import APILogHandler
from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL

from blocks.session_store import PrefectSessionStore
from crm_sync.errors import SyncError
from crm_sync.mapping.model import CustomerFieldKind, FieldLink
from flows.full_sync import full_sync
from standins.salesforce.http.faults import Fault
from tests.rigs.org import PASSWORD, TOKEN, Rig

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("logs_are_kept")]

_ADDRESS, _NAME = "ada.planted@person.example", "Plantedlovelace"


def _person_goes_well(rig: Rig) -> None:
    full_sync(**rig.blocks())


def _named_blocks_go_well(rig: Rig) -> None:
    for parameter, block in rig.blocks().items():
        block.save(f"secret-{parameter}", overwrite=True)
    full_sync("secret-salesforce", "secret-database", "secret-mapping")


def _value_does_not_convert(rig: Rig) -> None:
    """The record is rejected, with its value left out of the reason."""
    link = FieldLink(salesforce_field="LastName", name="birthday")
    other = FieldLink(salesforce_field="FirstName", kind=CustomerFieldKind.OPTION, name="name")
    links = [*(old for old in rig.mapping.contact.links if old.name not in {"birthday", "lastname"}), link, other]
    contact = rig.mapping.contact.model_copy(update={"links": links})
    rig.mapping = rig.mapping.model_copy(update={"contact": contact})
    full_sync(**rig.blocks())


def _salesforce_refuses_the_filter(rig: Rig) -> None:
    contact = rig.mapping.contact.model_copy(update={"condition": f"Email = '{_ADDRESS}' AND Nowhere__c = '{_NAME}'"})
    rig.mapping.model_copy(update={"contact": contact}).save("secret-mapping", overwrite=True)
    full_sync(rig.salesforce, rig.customers, "secret-mapping")


def _salesforce_repeats_a_record(rig: Rig) -> None:
    body = [{"errorCode": "UNKNOWN", "message": f"bad value {_ADDRESS} '{_NAME}'"}]
    rig.org.faults.add(Fault("status", path="/results", status=400, body=body))
    full_sync(**rig.blocks())


def _login_is_refused(rig: Rig) -> None:
    full_sync(**rig.blocks())
    rig.org.logins.expire_all()
    rig.org.settings.password = "changed-since"
    full_sync(**rig.blocks())


@pytest.mark.parametrize(
    "story",
    [
        _person_goes_well,
        _named_blocks_go_well,
        _value_does_not_convert,
        _salesforce_refuses_the_filter,
        _salesforce_repeats_a_record,
        _login_is_refused,
    ],
)
def test_nothing_planted_is_found_in_what_prefect_keeps(
    rig: Rig,
    prefect_home: Path,
    story: Callable[[Rig], None],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    rig.org.records.insert("Contact", {"LastName": _NAME, "Email": _ADDRESS, "FirstName": f"{_NAME}s"})
    said = ""
    try:
        story(rig)
    except SyncError as error:
        said = f"{error!r} {error.__cause__!r} {error.__context__!r} {error.code}"
    session = PrefectSessionStore(rig.salesforce.login(), rig.salesforce.endpoint_url).load()
    assert session is not None

    APILogHandler().flush()
    kept = {"log": caplog.text, "screen": "".join(capfd.readouterr()), "error": said}
    kept |= {str(path): path.read_bytes().decode("latin-1") for path in _files(prefect_home)}
    for planted in (PASSWORD, TOKEN, session.session_id, _ADDRESS, _NAME):
        assert [place for place, text in kept.items() if planted in text] == []


def test_search_would_find_what_is_there(rig: Rig, prefect_home: Path) -> None:
    summary = rig.sync()

    APILogHandler().flush()
    assert any(summary.sentence().encode() in path.read_bytes() for path in _files(prefect_home))


def _files(home: Path) -> list[Path]:
    database = Path(urlsplit(str(PREFECT_SERVER_DATABASE_CONNECTION_URL.value())).path.removeprefix("/"))
    return [path for folder in (home, database.parent) for path in folder.rglob("*") if path.is_file()]
