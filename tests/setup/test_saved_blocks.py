"""What the Prefect UI saved without asking us becomes one sentence, not a traceback."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import BlockDocumentCreate
from prefect.client.schemas.objects import BlockDocument
from pydantic import ValidationError

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.load import load_block
from blocks.salesforce_credentials import LoginKind, SalesforceCredentials
from blocks.saved_block import SavedBlock
from crm_sync.errors import ConfigurationError
from flows.check_connection import check_connection

SECRET = "planted-secret"

LINK = {"kind": "customer field", "unique": True, "opposite": False}
TWO_UNIQUE = [
    LINK | {"salesforce_field": "Email", "name": "email_address"},
    LINK | {"salesforce_field": "Phone", "name": "work_phone"},
]
UNUSABLE: dict[str, tuple[type[SavedBlock], dict[str, Any], str]] = {
    "two unique fields": (
        DataMapping,
        {"contact": {"links": TWO_UNIQUE}},
        "contact: Email and Phone are all marked unique; keep Unique on exactly one link.",
    ),
    "no links at all": (
        DataMapping,
        {"contact": {"links": []}, "lead": {"links": []}},
        "No object has links; add at least the unique link of leads or of contacts.",
    ),
    "login without password": (
        SalesforceCredentials,
        {"username": "u@x.example", "consumer_secret": SECRET},
        "To log in with username, password and security token, fill in password.",
    ),
    "stand-in elsewhere": (
        SalesforceCredentials,
        {"username": "u@x.example", "password": SECRET, "endpoint_url": "http://elsewhere.example"},
        "The endpoint URL may only name this machine",
    ),
    "address that is none": (CustomerDatabase, {"url": SECRET}, "The URL of the customer database cannot be read"),
    "nothing filled in": (CustomerDatabase, {}, "url: Field required"),
}


PARAMETER = {SalesforceCredentials: "salesforce", CustomerDatabase: "database", DataMapping: "mapping"}


@pytest.fixture(params=UNUSABLE.values(), ids=[name.replace(" ", "-") for name in UNUSABLE])
def unusable(request: pytest.FixtureRequest, prefect_home: Path) -> tuple[type[SavedBlock], BlockDocument, str]:
    """Save a form that does not hold together, as the UI does; return its type, itself and what is wrong."""
    kind, data, problem = request.param
    kind.register_type_and_schema()
    form = BlockDocumentCreate(
        name=f"unusable-{uuid4().hex}",
        data=data,
        block_schema_id=kind._block_schema_id,
        block_type_id=kind._block_type_id,
    )
    with get_client(sync_client=True) as client:
        return kind, client.create_block_document(form), problem


def test_form_that_does_not_hold_together_is_named_with_its_problem(
    unusable: tuple[type[SavedBlock], BlockDocument, str],
) -> None:
    kind, saved, problem = unusable
    with pytest.raises(ConfigurationError) as refusal:
        load_block(kind, str(saved.name))
    assert f"The block '{saved.name}' of type '{kind.get_block_type_name()}' cannot be used: " in str(refusal.value)
    assert problem in str(refusal.value)
    assert SECRET not in str(refusal.value)


def test_picked_form_that_does_not_hold_together_reaches_the_flow(
    unusable: tuple[type[SavedBlock], BlockDocument, str],
) -> None:
    kind, saved, problem = unusable
    parameter = PARAMETER[kind]
    given = check_connection.validate_parameters({parameter: {"$ref": {"block_document_id": str(saved.id)}}})
    with pytest.raises(ConfigurationError, match=re.escape(problem)):
        load_block(kind, given[parameter])


def test_unusable_block_has_no_content_to_work_with_by_mistake(
    unusable: tuple[type[SavedBlock], BlockDocument, str],
) -> None:
    kind, saved, _ = unusable
    loaded = kind.load(str(saved.name))
    assert {field: getattr(loaded, field) for field in kind.model_fields} == dict.fromkeys(kind.model_fields)


def test_block_made_in_python_is_refused_at_once() -> None:
    with pytest.raises(ValidationError, match="fill in password"):
        SalesforceCredentials(username="u@x.example")


def test_refusal_does_not_show_what_was_filled_in() -> None:
    with pytest.raises(ValidationError) as refusal:
        SalesforceCredentials(login_with=LoginKind.JWT, username="u@x.example", password=SECRET)
    assert SECRET not in str(refusal.value)


def test_missing_block_is_named(prefect_home: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no block 'nowhere' of type 'Data mapping'"):
        load_block(DataMapping, "nowhere")


def test_saved_mapping_is_the_one_that_was_made(prefect_home: Path) -> None:
    made = DataMapping()
    made.save("standard", overwrite=True)
    assert load_block(DataMapping, "standard").rules() == made.rules()


@pytest.mark.parametrize("kind", PARAMETER)
def test_block_can_be_picked_because_its_schema_requires_a_field(kind: type[SavedBlock]) -> None:
    assert kind.model_json_schema()["required"]
