"""A proposal links fields with a clear name or label, and leaves the others to a person."""

import pytest

from crm_sync.errors import MappingError
from crm_sync.mapping.customer_fields import CUSTOMER_FIELDS
from crm_sync.mapping.model import CustomerFieldKind
from crm_sync.mapping.proposal import MappingProposal, propose_mapping
from crm_sync.mapping.standard import standard_contact_mapping
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.sobject import SObject

_EMAIL = ("Email", "Email", "email")
Description = tuple[str, str, str]


def _fields(*described: Description) -> dict[str, FieldDescription]:
    return {name: FieldDescription(name=name, label=label, type=kind, length=80) for name, label, kind in described}


def _propose(*described: Description, own_fields: bool = True) -> MappingProposal:
    return propose_mapping({SObject.CONTACT: _fields(_EMAIL, *described)}, own_fields=own_fields)


def _proposed(*described: Description, own_fields: bool = True) -> dict[str, tuple[str, str]]:
    links = _propose(*described, own_fields=own_fields).links[1:]
    assert all(proposed.sobject is SObject.CONTACT for proposed in links)
    return {proposed.field.name: (proposed.link.name, proposed.because) for proposed in links}


def test_standard_fields_that_the_user_sees_are_linked_as_in_the_standard_mapping() -> None:
    links = standard_contact_mapping().links

    proposal = _propose(*((link.salesforce_field, "?", "string") for link in links[1:]))

    assert proposal.rules.contact == standard_contact_mapping()
    assert proposal.rules.lead.links == []
    assert proposal.left_over == {SObject.CONTACT: []}


LINKED: list[tuple[Description, tuple[str, str]]] = [
    (("Department", "Abteilung", "string"), ("department", "same name")),
    (("Middle_Name__c", "?", "string"), ("middlename", "same name")),
    (("House_Number__c", "?", "string"), ("address_number", "same name")),
    (("OtherStreet", "?", "textarea"), ("alternate_address", "same name")),
    (("X1__c", "Marital Status", "picklist"), ("marital_status", "same label")),
    (("X2__c", "Fax number", "phone"), ("fax_number", "same label")),
    (("SMS_Opt_Out__c", "?", "boolean"), ("sms_opt_in", "same name")),
]


def test_clear_name_or_label_is_linked() -> None:
    for field, linked in LINKED:
        assert _proposed(field, own_fields=False) == {field[0]: linked}


def test_field_that_sounds_like_a_no_is_asked_about() -> None:
    asked = ["News_OptOut__c", "No_Email__c", "Mail_Suppressed__c", "Afgemeld__c", "acme__Uitgeschreven__c"]
    described = [(name, "?", "boolean") for name in (*asked, "DoNotCall", "Likes_News__c", "SMS_Opt_Out__c")]

    for own_fields in (True, False):
        found = _propose(*described, own_fields=own_fields).sound_like_no
        assert sorted(found) == sorted(f"Contact.{name}" for name in asked)


def test_opt_out_is_linked_as_the_opposite() -> None:
    (proposed,) = _propose(("SMS_Opt_Out__c", "?", "boolean")).links[1:]

    assert proposed.link.opposite


UNCLEAR = [
    ("Opt_In__c", "Opt in", "boolean"),  # for which channel?
    ("External_Id__c", "External Id", "string"),
    ("Birthplace", "Birthplace", "reference"),
    ("Date_Of_Birth__c", "Date of birth", "string"),
    ("SMS_Opt_In__c", "SMS opt in", "picklist"),
    ("MailingAddress", "Address", "address"),
    ("LeadSource", "Lead Source", "picklist"),
]


def test_ambiguous_name_or_unfit_type_is_left_over() -> None:
    for field in UNCLEAR:
        proposal = _propose(field, own_fields=False)
        assert [proposed.field.name for proposed in proposal.links] == ["Email"]
        assert [left.name for left in proposal.left_over[SObject.CONTACT]] == [field[0]]


def test_fields_of_the_org_become_options_under_their_labels() -> None:
    proposal = _propose(
        ("Score__c", "Score (0-100%)", "double"),
        ("Score2__c", "Score / 0-100", "double"),
        ("Photo__c", "Photo", "base64"),
        ("Owner__c", "Owner", "reference"),
        ("LeadSource", "Lead Source", "picklist"),
    )

    links = {p.field.name: (p.link.kind, p.link.name) for p in proposal.links[1:]}
    assert links == {
        "Score__c": (CustomerFieldKind.OPTION, "Score 0-100"),
        "Score2__c": (CustomerFieldKind.OPTION, "Score2"),
    }
    assert [field.name for field in proposal.left_over[SObject.CONTACT]] == ["Photo__c", "Owner__c", "LeadSource"]


def test_two_fields_never_fill_one_customer_field() -> None:
    assert _proposed(
        ("Department", "Department", "string"), ("Department__c", "Department", "string"), own_fields=False
    ) == {"Department": ("department", "same name")}


def test_an_object_without_a_visible_email_is_left_out_and_named() -> None:
    proposal = propose_mapping({SObject.CONTACT: _fields(_EMAIL), SObject.LEAD: _fields(("LastName", "?", "string"))})

    assert proposal.rules.mapped == [SObject.CONTACT]
    assert proposal.sentence() == (
        "Proposed 1 links for Contact; nothing is saved. "
        "Lead is left out, because the integration user sees no Email there."
    )


def test_without_any_email_nothing_is_proposed() -> None:
    with pytest.raises(MappingError, match="Neither leads nor contacts show the field Email"):
        propose_mapping({sobject: _fields(("LastName", "?", "string")) for sobject in SObject})


def test_objects_without_a_consent_field_are_named() -> None:
    assert _propose().without_opt_in == [SObject.CONTACT]
    assert _propose(("HasOptedOutOfEmail", "Email Opt Out", "boolean")).without_opt_in == []


def test_every_customer_field_is_found_by_its_own_name_or_left_to_a_person() -> None:
    unlinked = set()
    for name in CUSTOMER_FIELDS:
        kinds = ("string", "date", "boolean")
        if not any(_proposed((f"{name}__c", "?", kind), own_fields=False) for kind in kinds):
            unlinked.add(name)

    assert unlinked == {"external_id", "user_name", "email_type", "opt_in", "email_address"}
