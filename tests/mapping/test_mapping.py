"""A mapping that contradicts itself is refused in words that say what to change."""

from typing import Any

import pytest
from pydantic import ValidationError

from crm_sync.errors import MappingError
from crm_sync.mapping.customer_fields import CUSTOMER_FIELDS, FieldType
from crm_sync.mapping.model import CustomerFieldKind, FieldLink, MappingRules, ObjectMapping, Precedence
from crm_sync.mapping.standard import standard_contact_mapping, standard_lead_mapping
from crm_sync.sobject import SObject

EMAIL = FieldLink(salesforce_field="Email", name="email_address", unique=True)


def _link(field: str, name: str, **more: Any) -> FieldLink:
    return FieldLink(salesforce_field=field, name=name, **more)


def _option(field: str, name: str) -> FieldLink:
    return _link(field, name, kind=CustomerFieldKind.OPTION)


def _rules(lead: list[FieldLink], contact: list[FieldLink]) -> MappingRules:
    return MappingRules(lead=ObjectMapping(links=lead), contact=ObjectMapping(links=contact))


def test_links_without_a_unique_one_are_refused() -> None:
    with pytest.raises(ValidationError, match="No link is marked unique"):
        ObjectMapping(links=[_link("LastName", "lastname")])


def test_two_unique_links_are_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="Email and Id are all marked unique"):
        ObjectMapping(links=[EMAIL, _link("Id", "external_id", unique=True)])


def test_two_links_into_one_customer_field_are_refused() -> None:
    with pytest.raises(ValidationError, match="Two links fill city"):
        ObjectMapping(links=[EMAIL, _link("City", "city"), _link("MailingCity", "city")])


def test_option_may_have_the_name_of_a_standard_field() -> None:
    links = [EMAIL, _link("City", "city"), _option("City", "city")]
    assert ObjectMapping(links=links).salesforce_fields == ["Email", "City"]


@pytest.mark.parametrize(("name", "meant"), [("first_name", "firstname"), ("Email_Address", "email_address")])
def test_unknown_customer_field_is_refused_with_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(ValidationError, match=f"did you mean {meant}"):
        _link("FirstName", name)


def test_customer_field_like_no_other_is_refused() -> None:
    with pytest.raises(ValidationError, match="choose a standard field or make it an option field"):
        _link("FirstName", "zzzzqq")


@pytest.mark.parametrize("name", ["", 'a"b', "a'b", "a\\b", "a\nb", "$a", "a" * 81, "a/b"])
def test_option_name_that_could_break_out_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="cannot name a customer option field"):
        _option("Score__c", name)


@pytest.mark.parametrize("name", ["score", "lead id", "a.b-c_d", "Ünïcode", "a" * 80])
def test_plain_option_name_is_taken(name: str) -> None:
    assert _option("Score__c", name).name == name


@pytest.mark.parametrize("field", ["", "1st", "Email; DROP", "Email__c,Name", "Ünï__c", "Account.", "a b"])
def test_what_is_no_salesforce_field_is_refused(field: str) -> None:
    with pytest.raises(ValidationError, match="not a Salesforce API name"):
        _link(field, "city")


def test_blanks_around_names_are_taken_off() -> None:
    link = _link(" City ", " city ")
    assert (link.salesforce_field, link.name) == ("City", "city")


def test_one_field_has_one_spelling_and_the_salesforce_id_its_own() -> None:
    mapping = ObjectMapping(links=[EMAIL, _option("email", "as typed"), _option("ID", "number")])

    assert mapping.salesforce_fields == ["Email", "Id"]


def test_only_yes_no_fields_can_say_the_opposite() -> None:
    with pytest.raises(ValidationError, match="Only opt_in and sms_opt_in"):
        _link("City", "city", opposite=True)
    with pytest.raises(ValidationError, match="Only opt_in and sms_opt_in"):
        FieldLink(salesforce_field="X__c", kind=CustomerFieldKind.OPTION, name="opt_in", opposite=True)


def test_opted_out_field_has_to_say_the_opposite() -> None:
    with pytest.raises(ValidationError, match="says the opposite of opt_in"):
        _link("HasOptedOutOfEmail", "opt_in")
    assert _link("HasOptedOutOfEmail", "opt_in", opposite=True).field_type is FieldType.YES_NO


def test_leads_and_contacts_are_unique_by_one_customer_field() -> None:
    with pytest.raises(ValidationError, match="email_address for leads and external_id for contacts"):
        _rules([EMAIL], [_link("Id", "external_id", unique=True)])


def test_unique_option_and_unique_field_of_one_name_differ() -> None:
    option = FieldLink(salesforce_field="Id", kind=CustomerFieldKind.OPTION, name="external_id", unique=True)
    with pytest.raises(ValidationError, match="has to be the same customer field"):
        _rules([option], [_link("Id", "external_id", unique=True)])


def test_one_object_is_enough() -> None:
    assert _rules([EMAIL], []).mapped == [SObject.LEAD]
    assert _rules([EMAIL], [EMAIL]).mapped == [SObject.CONTACT, SObject.LEAD]


def test_mapping_without_any_links_is_refused() -> None:
    with pytest.raises(ValidationError, match="No object has links"):
        _rules([], [])


def test_unknown_setting_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        ObjectMapping.model_validate({"links": [], "filter": "x"})


def test_field_that_salesforce_no_longer_shows_is_left_out_and_stays_saved() -> None:
    rules = _rules([EMAIL, _link("City", "city")], [EMAIL])
    left = rules.only_with({SObject.LEAD: {"Email"}, SObject.CONTACT: {"Email"}})
    assert left.lead.salesforce_fields == ["Email"]
    assert rules.lead.salesforce_fields == ["Email", "City"]


def test_unique_field_that_salesforce_no_longer_shows_ends_the_run() -> None:
    with pytest.raises(MappingError, match="Lead has no field Email"):
        _rules([EMAIL], []).only_with({SObject.LEAD: {"Id"}})


@pytest.mark.parametrize(
    "change",
    [
        {"links": [EMAIL, _link("City", "state")]},
        {"links": [EMAIL, _option("City", "city")]},
        {"links": [EMAIL]},
        {"status": "Suspect"},
        {"condition": "Score__c > 10"},
    ],
)
def test_fingerprint_tells_mappings_apart(change: dict[str, Any]) -> None:
    lead = ObjectMapping(links=[EMAIL, _link("City", "city")], status="Prospect")
    one = MappingRules(lead=lead, contact=ObjectMapping())
    other = MappingRules(lead=lead.model_copy(update=change), contact=ObjectMapping())
    assert one.fingerprint(SObject.LEAD) != other.fingerprint(SObject.LEAD)


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
