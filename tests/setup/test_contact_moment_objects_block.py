"""The saved names of the contact moment objects."""

from pathlib import Path
from typing import Any

import pytest

from blocks.contact_moment_objects import ContactMomentObjects
from blocks.load import load_block
from crm_sync.errors import ConfigurationError
from crm_sync.moments.objects import MomentFields
from crm_sync.sobject import SObject


def test_block_as_it_stands_names_our_own_objects() -> None:
    objects = ContactMomentObjects()

    assert objects.are_ours
    lead, contact = objects.both
    assert (lead.parent, lead.name, lead.lookup) == (SObject.LEAD, "ClangLeadContactMoment__c", "Lead__c")
    assert (contact.name, contact.lookup) == ("ClangContactContactMoment__c", "Contact__c")
    assert lead.moment_id == "MomentId__c"
    assert lead.fields == contact.fields


def test_namespace_comes_before_custom_names_that_have_none() -> None:
    fields = MomentFields(moment_id="Key__c", subject="other__Subject__c", campaign="Name")
    block = ContactMomentObjects(
        namespace="clang", lead_object="LeadMoment__c", lead_lookup="clang__L__c", fields=fields
    )

    lead = block.of(SObject.LEAD)

    assert (lead.name, lead.lookup, lead.moment_id) == ("clang__LeadMoment__c", "clang__L__c", "clang__Key__c")
    assert (lead.fields["subject"], lead.fields["campaign"]) == ("other__Subject__c", "Name")


def test_field_left_empty_is_not_written_and_the_objects_are_still_ours() -> None:
    objects = ContactMomentObjects(fields=MomentFields(bounce_reason=""))

    assert "bounce_reason" not in objects.of(SObject.LEAD).fields
    assert objects.are_ours


@pytest.mark.parametrize(
    "changes",
    [{"namespace": "clang"}, {"lead_object": "LeadMoment__c"}, {"fields": MomentFields(subject="Title__c")}],
)
def test_other_names_are_not_ours(changes: dict[str, Any]) -> None:
    assert not ContactMomentObjects(**changes).are_ours


@pytest.mark.parametrize(
    ("saved", "told"),
    [
        ({"namespace": "not a namespace"}, "namespace: 'not a namespace' is not a namespace"),
        ({"lead_object": "Lead Moment"}, "lead_object: 'Lead Moment' is not a Salesforce API name"),
        ({"contact_lookup": "Contact__r.Id"}, "contact_lookup: 'Contact__r.Id' is not a Salesforce API name"),
        ({"fields": {"opens": "Opens; DROP"}}, "fields.opens: 'Opens; DROP' is not a Salesforce API name"),
        ({"fields": {"moment_id": ""}}, "fields: Moment id cannot be empty"),
        ({"fields": {"opens": "clicks__C"}}, "fields: Two of the fields are called clicks__c"),
        ({"contact_object": "clangLeadContactMoment__c"}, "need an object each"),
        ({"lead_lookup": "subject__c"}, "subject__c is both the lookup and another field"),
        ({"fields": {"colour": "Colour__c"}}, "fields.colour"),
    ],
)
def test_what_does_not_hold_together_is_one_sentence(saved: dict[str, Any], told: str) -> None:
    block = ContactMomentObjects.model_validate(saved)

    assert told in block.problem
    assert "\n" not in block.problem


def test_block_is_saved_and_found_by_its_name(prefect_home: Path) -> None:
    ContactMomentObjects(namespace="clang", fields=MomentFields(clicks="")).save("clang-moments")

    found = load_block(ContactMomentObjects, "clang-moments")

    assert found.namespace == "clang"
    assert "clicks" not in found.of(SObject.CONTACT).fields
    with pytest.raises(ConfigurationError, match="There is no block 'nowhere'"):
        load_block(ContactMomentObjects, "nowhere")


def test_form_explains_every_box() -> None:
    for model in (ContactMomentObjects, MomentFields):
        for name, field in model.model_fields.items():
            assert field.title, name
            assert field.description, name
    assert {"lead_object", "contact_object"} <= set(ContactMomentObjects.model_json_schema()["required"])
