"""A proposal comes from what the org shows, can be used as it is, and never touches a saved mapping."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from prefect.client.orchestration import get_client

from blocks.data_mapping import DataMapping
from blocks.load import load_block
from crm_sync.database.tables.customers import sync_run
from crm_sync.errors import ConfigurationError, MappingError
from crm_sync.mapping.proposal import MappingProposal
from crm_sync.mapping.yaml_file import read_mapping
from crm_sync.sobject import SObject
from flows.propose_mapping import propose_mapping
from tests.rigs.org import Rig, artifact

pytestmark = pytest.mark.flow


@pytest.fixture
def saved() -> Iterator[DataMapping]:
    """Save a mapping that is somebody's, and remove it with those that a test saved beside it."""
    block = DataMapping()
    block.lead.condition = "Country = 'Netherlands'"
    block.save("mine")
    yield block
    with get_client(sync_client=True) as client:
        for document in client.read_block_documents_by_type("salesforce-data-mapping"):
            client.delete_block_document(document.id)


def _propose(rig: Rig, **options: Any) -> MappingProposal:
    proposal: MappingProposal = propose_mapping(salesforce=rig.salesforce, database=rig.customers, **options)
    return proposal


def test_proposal_shows_what_goes_where_and_the_same_as_a_file(rig: Rig) -> None:
    proposal = _propose(rig)

    page = artifact("mapping-proposal")
    assert proposal.sentence() in page
    assert "| Email | Email | email | email_address **unique** | standard field |" in page
    assert "| Website | Website | url | website | same name |" in page
    assert "| Score__c | Score | double | Score (option) | field of your own |" in page
    assert re.search(r"- Lead: .*\bLeadSource \(picklist\)", page)
    (text,) = re.findall(r"```yaml\n(.*?)\n```", page, re.DOTALL)
    assert read_mapping(text) == proposal.rules
    assert [row["state"] for row in rig.rows(sync_run)] == ["Completed"]
    assert proposal.without_opt_in == []


def test_proposal_can_be_synced_as_it_is(rig: Rig) -> None:
    rules = _propose(rig).rules

    rig.mapping = DataMapping(contact=rules.contact, lead=rules.lead)

    assert rig.sync().total.inserted > 0


def test_own_fields_can_be_left_out(rig: Rig) -> None:
    assert not [link for link in _propose(rig, own_fields=False).links if link.field.name.endswith("__c")]


def test_proposal_is_saved_as_a_new_block(rig: Rig, saved: DataMapping) -> None:
    proposal = _propose(rig, save_as=" proposed-1 ")

    assert load_block(DataMapping, "proposed-1").rules() == proposal.rules
    assert "saved as the block 'proposed-1'" in proposal.sentence()
    assert load_block(DataMapping, "mine").rules() == saved.rules()


def test_a_saved_mapping_is_never_written_over(rig: Rig, saved: DataMapping) -> None:
    state = propose_mapping(salesforce=rig.salesforce, database=rig.customers, save_as="mine", return_state=True)

    assert state.name == "NotConfigured"
    assert "There is a data mapping 'mine' already, and it was not changed" in str(state.message)
    assert load_block(DataMapping, "mine").rules() == saved.rules()
    assert rig.requests() == []


def test_a_name_that_no_block_can_have_is_refused_in_a_sentence(rig: Rig) -> None:
    with pytest.raises(ConfigurationError, match="A block cannot be named 'Our mapping!'"):
        _propose(rig, save_as="Our mapping!")


def test_object_whose_email_is_hidden_is_left_out(rig: Rig) -> None:
    rig.org.hide_fields("Lead", "Email", "HasOptedOutOfEmail")

    proposal = _propose(rig)

    assert proposal.rules.mapped == [SObject.CONTACT]
    assert "Lead is left out" in artifact("mapping-proposal")


def test_hidden_consent_is_told_in_bold(rig: Rig) -> None:
    rig.org.hide_fields("Contact", "HasOptedOutOfEmail")

    _propose(rig)

    assert "**No field of Contact says who may be mailed**" in artifact("mapping-proposal")


def test_without_any_email_the_run_says_what_to_do(rig: Rig) -> None:
    for sobject in SObject:
        rig.org.hide_fields(sobject, "Email")

    state = propose_mapping(salesforce=rig.salesforce, database=rig.customers, return_state=True)

    assert isinstance(state.result(raise_on_failure=False), MappingError)
    assert [row["state"] for row in rig.rows(sync_run)] == ["NotConfigured"]
