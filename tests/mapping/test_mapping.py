"""A mapping that contradicts itself is refused in words that say what to change."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from blocks.data_mapping import DataMapping
from crm_sync.errors import MappingError
from crm_sync.mapping.customer_fields import CUSTOMER_FIELDS, FieldType
from crm_sync.mapping.model import CustomerFieldKind, FieldLink, MappingRules, ObjectMapping, Precedence
from crm_sync.mapping.standard import standard_contact_mapping, standard_lead_mapping
from crm_sync.mapping.yaml_file import read_mapping
from crm_sync.sobject import SObject

EMAIL = FieldLink(salesforce_field="Email", name="email_address", unique=True)


def _link(field: str, name: str, **more: Any) -> FieldLink:
    return FieldLink(salesforce_field=field, name=name, **more)


def _option(field: str, name: str) -> FieldLink:
    return _link(field, name, kind=CustomerFieldKind.OPTION)


def _rules(lead: list[FieldLink], contact: list[FieldLink]) -> MappingRules:
    return MappingRules(lead=ObjectMapping(links=lead), contact=ObjectMapping(links=contact))


_YAML = """contact:
  links:
    - {salesforce_field: email, name: email_address, unique: true}
    - {salesforce_field: hasoptedoutofemail, name: opt_in}
"""
BY_ID = _link("Id", "external_id", unique=True)
# What is refused, and what its sentence holds.
REFUSALS: list[tuple[Callable[[], object], str]] = [
    (lambda: ObjectMapping(links=[_link("LastName", "lastname")]), "No link is marked unique"),
    (lambda: ObjectMapping(links=[EMAIL, BY_ID]), "Email and Id are all marked unique"),
    (lambda: ObjectMapping(links=[EMAIL, _link("City", "city"), _link("MailingCity", "city")]), "Two links fill city"),
    (lambda: _link("FirstName", "first_name"), "did you mean firstname"),
    (lambda: _link("FirstName", "Email_Address"), "did you mean email_address"),
    (lambda: _link("FirstName", "zzzzqq"), "choose a standard field or make it an option field"),
    (lambda: _link("City", "city", opposite=True), "Only opt_in and sms_opt_in"),
    (lambda: _link("X__c", "opt_in", kind=CustomerFieldKind.OPTION, opposite=True), "Only opt_in and sms_opt_in"),
    # Salesforce knows no case, and a path may lead to the same field of a parent.
    *(
        (lambda field=field, name=name: _link(field, name), f"says the opposite of {name}")
        for field, name in (
            ("HasOptedOutOfEmail", "opt_in"),
            ("hasoptedoutofemail", "opt_in"),
            ("HASOPTEDOUTOFEMAIL", "sms_opt_in"),
            ("Account.PersonHasOptedOutOfEmail", "opt_in"),
            ("account.personhasoptedoutofemail", "opt_in"),
            ("ReportsTo.HasOptedOutOfEmail", "opt_in"),
            ("donotcall", "sms_opt_in"),
        )
    ),
    (lambda: _rules([EMAIL], [BY_ID]), "email_address for leads and external_id for contacts"),
    (
        lambda: _rules([BY_ID.model_copy(update={"kind": CustomerFieldKind.OPTION})], [BY_ID]),
        "has to be the same customer field",
    ),
    (lambda: _rules([], []), "No object has links"),
    (lambda: ObjectMapping.model_validate({"links": [], "filter": "x"}), "Extra inputs"),
    # Option names that could break out of a JSON path, and text that is not an API name.
    *(
        (lambda name=name: _option("Score__c", name), "cannot name a customer option field")
        for name in ("", 'a"b', "a'b", "a\\b", "a\nb", "$a", "a" * 81, "a/b")
    ),
    *(
        (lambda field=field: _link(field, "city"), "not a Salesforce API name")
        for field in ("", "1st", "Email; DROP", "Email__c,Name", "Ünï__c", "Account.", "a b")
    ),
]


def test_mapping_that_contradicts_itself_is_refused_in_words() -> None:
    for number, (make, words) in enumerate(REFUSALS):
        with pytest.raises(ValidationError) as refusal:
            make()
        assert words in str(refusal.value), number


def test_no_in_another_spelling_is_refused_in_a_file_and_in_a_form_too() -> None:
    with pytest.raises(MappingError, match="hasoptedoutofemail says the opposite of opt_in"):
        read_mapping(_YAML)
    with pytest.raises(ValueError, match="hasoptedoutofemail says the opposite of opt_in"):
        DataMapping(contact=yaml.safe_load(_YAML)["contact"]).rules()


def test_plain_option_name_is_taken() -> None:
    for name in ("score", "lead id", "a.b-c_d", "Ünïcode", "a" * 80):
        assert _option("Score__c", name).name == name
    assert _link("HasOptedOutOfEmail", "opt_in", opposite=True).field_type is FieldType.YES_NO


def test_option_may_have_the_name_of_a_standard_field() -> None:
    links = [EMAIL, _link("City", "city"), _option("City", "city")]
    assert ObjectMapping(links=links).salesforce_fields == ["Email", "City"]


def test_blanks_around_names_are_taken_off() -> None:
    link = _link(" City ", " city ")
    assert (link.salesforce_field, link.name) == ("City", "city")


def test_one_field_has_one_spelling_and_the_salesforce_id_its_own() -> None:
    mapping = ObjectMapping(links=[EMAIL, _option("email", "as typed"), _option("ID", "number")])

    assert mapping.salesforce_fields == ["Email", "Id"]


def test_one_object_is_enough() -> None:
    assert _rules([EMAIL], []).mapped == [SObject.LEAD]
    assert _rules([EMAIL], [EMAIL]).mapped == [SObject.CONTACT, SObject.LEAD]


def test_field_that_salesforce_no_longer_shows_is_left_out_and_stays_saved() -> None:
    rules = _rules([EMAIL, _link("City", "city")], [EMAIL])
    left = rules.only_with({SObject.LEAD: {"Email"}, SObject.CONTACT: {"Email"}})
    assert left.lead.salesforce_fields == ["Email"]
    assert rules.lead.salesforce_fields == ["Email", "City"]


def test_unique_field_that_salesforce_no_longer_shows_ends_the_run() -> None:
    with pytest.raises(MappingError, match="Lead has no field Email"):
        _rules([EMAIL], []).only_with({SObject.LEAD: {"Id"}})


def test_fingerprint_tells_mappings_apart() -> None:
    lead = ObjectMapping(links=[EMAIL, _link("City", "city")], status="Prospect")
    one = MappingRules(lead=lead, contact=ObjectMapping())
    changes: list[dict[str, Any]] = [
        {"links": [EMAIL, _link("City", "state")]},
        {"links": [EMAIL, _option("City", "city")]},
        {"links": [EMAIL]},
        {"status": "Suspect"},
        {"condition": "Score__c > 10"},
    ]
    for change in changes:
        other = MappingRules(lead=lead.model_copy(update=change), contact=ObjectMapping())
        assert one.fingerprint(SObject.LEAD) != other.fingerprint(SObject.LEAD), change


def test_fingerprint_is_of_one_object_and_the_precedence() -> None:
    one, other = _rules([EMAIL], [EMAIL]), _rules([EMAIL], [EMAIL, _link("MailingCity", "city")])
    latest = one.model_copy(update={"precedence": Precedence.LATEST})
    assert one.fingerprint(SObject.LEAD) == other.fingerprint(SObject.LEAD)
    assert one.fingerprint(SObject.CONTACT) != other.fingerprint(SObject.CONTACT)
    assert one.fingerprint(SObject.LEAD) != latest.fingerprint(SObject.LEAD)


def test_standard_mapping_agrees_with_itself() -> None:
    rules = MappingRules(lead=standard_lead_mapping(), contact=standard_contact_mapping())
    assert (rules.lead.status, rules.contact.status) == ("Prospect", "Customer")
    assert rules.contact.unique_link.name == "email_address"
    assert {link.name for link in rules.lead.links if link.kind is CustomerFieldKind.STANDARD} <= set(CUSTOMER_FIELDS)
