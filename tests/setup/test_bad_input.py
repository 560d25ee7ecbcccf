"""Settings that cannot work: one sentence that says what to change, and nothing is touched."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import BlockDocumentCreate
from pydantic import SecretStr

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from crm_sync.database.tables.customers import customer
from crm_sync.errors import (
    AuthenticationError,
    ConfigurationError,
    DatabaseUnavailableError,
    MappingError,
    QueryError,
    SyncError,
)
from crm_sync.mapping.model import FieldLink, ObjectMapping
from flows.full_sync import full_sync
from tests.rigs.org import Rig

pytestmark = pytest.mark.flow

_PLANTED = "planted-db-password"


@dataclass
class Mistake:
    """What somebody set wrong, the error that a Python caller gets, and what its sentence has to say."""

    made_in: Callable[[Rig], None]
    error: type[SyncError]
    says: str


def _credentials(**changes: Any) -> Callable[[Rig], None]:
    def change(rig: Rig) -> None:
        rig.salesforce = rig.salesforce.model_copy(update=changes)

    return change


def _org(**settings: Any) -> Callable[[Rig], None]:
    def change(rig: Rig) -> None:
        for name, value in settings.items():
            setattr(rig.org.settings, name, value)

    return change


def _leads(**changes: Any) -> Callable[[Rig], None]:
    """Change the mapping of leads, which is looked at after that of contacts."""

    def change(rig: Rig) -> None:
        rig.mapping = DataMapping(lead=rig.mapping.lead.model_copy(update=changes))

    return change


def _database(url: str) -> Callable[[Rig], None]:
    def change(rig: Rig) -> None:
        rig.customers = CustomerDatabase(url=url)

    return change


_UNIQUE = FieldLink(salesforce_field="Nowhere__c", name="email_address", unique=True)
MISTAKES = {
    "wrong password": Mistake(
        _credentials(password=SecretStr("not-this-one")), AuthenticationError, "password or security token is wrong"
    ),
    "missing token": Mistake(
        _credentials(security_token=SecretStr("")), AuthenticationError, "a security token is needed"
    ),
    "locked user": Mistake(_org(lockout_after=0), AuthenticationError, "locked out after too many wrong passwords"),
    "API disabled": Mistake(_org(api_disabled=True), AuthenticationError, "'API Enabled'"),
    "SOAP login switched off": Mistake(_org(soap_login_enabled=False), AuthenticationError, "client credentials"),
    "unknown unique field": Mistake(_leads(links=[_UNIQUE]), MappingError, "Lead has no field Nowhere__c"),
    "filter that is no condition": Mistake(
        _leads(condition="Country = 'x' ORDER BY Name"), MappingError, "says ORDER, which is not part of a condition"
    ),
    "filter with half a string": Mistake(
        _leads(condition="Country = 'x"), MappingError, "a single quote without its partner"
    ),
    "filter that only Salesforce refuses": Mistake(
        _leads(condition="Country ="), QueryError, "Salesforce refused the query"
    ),
    "filter on an unknown field": Mistake(_leads(condition="Nowhere__c = 1"), QueryError, "Nowhere__c"),
    "database in no folder": Mistake(
        _database("sqlite:////no/such/folder/customers.db"), DatabaseUnavailableError, "cannot be made or opened"
    ),
    "database that nobody serves": Mistake(
        _database(f"postgresql://somebody:{_PLANTED}@127.0.0.1:1/customers"),
        DatabaseUnavailableError,
        "does not answer",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=list(MISTAKES))
def test_mistake_is_one_sentence_and_nothing_is_touched(
    rig: Rig, mistake: Mistake, caplog: pytest.LogCaptureFixture
) -> None:
    own = rig.customers
    mistake.made_in(rig)

    state = rig.state()

    error = state.result(raise_on_failure=False)
    assert isinstance(error, mistake.error)
    assert state.name == ("NotConfigured" if isinstance(error, ConfigurationError) else "Failed")
    assert state.is_failed()
    _is_one_sentence(str(state.message), mistake.says)
    assert "Traceback" not in caplog.text
    assert mistake.says in caplog.text
    assert _PLANTED not in caplog.text
    assert "bulk_results" not in rig.requests()
    own.open().close()
    rig.customers = own
    assert rig.rows(customer) == []


def test_python_caller_gets_the_error_itself(rig: Rig) -> None:
    rig.org.settings.api_disabled = True

    with pytest.raises(AuthenticationError, match="API Enabled"):
        rig.sync()


def test_missing_block_is_named(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ConfigurationError, match="There is no block 'nobody' of type 'Salesforce credentials'"):
        full_sync("nobody", rig.customers, rig.mapping)

    assert "Traceback" not in caplog.text


def _two_unique(links: list[dict[str, Any]]) -> None:
    for link in links[:2]:
        link["unique"] = True


def _none_unique(links: list[dict[str, Any]]) -> None:
    for link in links:
        link["unique"] = False


@pytest.mark.parametrize(
    ("spoil", "says"), [(_two_unique, "all marked unique"), (_none_unique, "No link is marked unique")]
)
def test_saved_mapping_that_contradicts_itself_is_named(
    rig: Rig, spoil: Callable[[list[dict[str, Any]]], None], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The Prefect UI saves a form without asking us."""
    form = DataMapping().model_dump(mode="json", include={"contact", "lead", "precedence"})
    spoil(form["lead"]["links"])
    _save_form(DataMapping, says.lower().replace(" ", "-"), form)

    state = full_sync(rig.salesforce, rig.customers, says.lower().replace(" ", "-"), return_state=True)

    assert state.name == "NotConfigured"
    _is_one_sentence(str(state.message), says)
    assert "Traceback" not in caplog.text
    assert rig.requests() == []


def test_field_that_salesforce_does_not_show_is_left_out_and_said(empty_rig: Rig) -> None:
    rig = empty_rig
    rig.org.records.insert("Contact", {"LastName": "Lovelace", "Email": "ada@planted.example", "FirstName": "Ada"})
    rig.org.hide_fields("Contact", "FirstName")
    before = rig.mapping.model_dump()

    state = rig.state()

    assert state.name == "CompletedWithMissingFields"
    assert "Contact does not show FirstName" in str(state.message)
    (ada,) = rig.rows(customer)
    assert (ada["firstname"], ada["lastname"]) == (None, "Lovelace")
    assert rig.mapping.model_dump() == before


def test_object_without_links_is_left_out(rig: Rig) -> None:
    rig.mapping = DataMapping(lead=ObjectMapping())

    assert [str(sobject) for sobject in rig.sync().counts] == ["Contact"]


def _is_one_sentence(message: str, says: str) -> None:
    assert says in message
    assert message.endswith(".")
    assert "\n" not in message


def _save_form(kind: type[Block], name: str, data: dict[str, Any]) -> None:
    kind.register_type_and_schema()
    with get_client(sync_client=True) as client:
        client.create_block_document(
            BlockDocumentCreate(
                name=name, data=data, block_schema_id=kind._block_schema_id, block_type_id=kind._block_type_id
            )
        )
