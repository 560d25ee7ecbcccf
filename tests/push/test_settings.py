"""Settings of a step, held against the mapping."""

import pytest

from crm_sync.errors import ConfigurationError
from crm_sync.mapping.model import FieldLink, MappingRules, ObjectMapping
from crm_sync.mapping.standard import standard_contact_mapping, standard_lead_mapping
from crm_sync.push.settings import PushSettings, check_settings
from crm_sync.sobject import SObject

RULES = MappingRules(contact=standard_contact_mapping(), lead=standard_lead_mapping())


def test_linked_fields_are_taken_in_any_case() -> None:
    checked = check_settings(PushSettings(sobject=SObject.CONTACT, fields=["title", "MOBILEPHONE", "Id"]), RULES)
    assert [link.salesforce_field for link in checked.links[SObject.CONTACT]] == ["Title", "MobilePhone"]
    assert checked.id_link.name == "salesforce_contact_id"


def test_converted_leads_contact_gets_the_same_customer_fields() -> None:
    checked = check_settings(PushSettings(sobject=SObject.LEAD, fields=["City", "Company", "Title"]), RULES)
    assert [link.salesforce_field for link in checked.links[SObject.CONTACT]] == ["MailingCity", "Title"]
    alone = check_settings(PushSettings(sobject=SObject.LEAD, fields=["City"], follow_converted=False), RULES)
    assert list(alone.links) == [SObject.LEAD]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (["Title", "Industry"], "Industry cannot be sent to the Contact: not linked"),
        (["Id"], "name no field to send"),
        ([], "name no field to send"),
    ],
)
def test_settings_that_do_not_fit_are_refused_in_a_sentence(fields: list[str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        check_settings(PushSettings(sobject=SObject.CONTACT, fields=fields), RULES)


def test_id_has_to_be_linked_when_it_is_not_the_unique_field() -> None:
    links = [link for link in RULES.contact.links if link.salesforce_field != "Id"]
    rules = MappingRules(contact=ObjectMapping(links=links), lead=ObjectMapping())
    with pytest.raises(ConfigurationError, match="link Id in the data mapping"):
        check_settings(PushSettings(sobject=SObject.CONTACT, fields=["Title"]), rules)


def test_unique_id_is_enough() -> None:
    links = [
        FieldLink(salesforce_field="Id", name="external_id", unique=True),
        FieldLink(salesforce_field="Title", name="job_title"),
    ]
    rules = MappingRules(contact=ObjectMapping(links=links), lead=ObjectMapping())
    assert check_settings(PushSettings(sobject=SObject.CONTACT, fields=["Title"]), rules).id_link.name == "external_id"


def test_field_of_a_parent_cannot_be_sent() -> None:
    parent = FieldLink(salesforce_field="Account.Name", name="company_name")
    contact = RULES.contact.model_copy(update={"links": [*RULES.contact.links, parent]})
    with pytest.raises(ConfigurationError, match="belongs to another record"):
        check_settings(
            PushSettings(sobject=SObject.CONTACT, fields=["Account.Name"]),
            RULES.model_copy(update={"contact": contact}),
        )


def test_object_without_links_cannot_be_written() -> None:
    rules = MappingRules(contact=RULES.contact, lead=ObjectMapping())
    with pytest.raises(ConfigurationError, match="Lead has no links"):
        check_settings(PushSettings(sobject=SObject.LEAD, fields=["Title"]), rules)
