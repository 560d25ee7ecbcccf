"""A mapping kept as a YAML file is read back as it was written, and a mistake in it is found by its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sync.errors import MappingError
from crm_sync.mapping.model import CustomerFieldKind, FieldLink, MappingRules, ObjectMapping, Precedence
from crm_sync.mapping.standard import standard_contact_mapping, standard_lead_mapping
from crm_sync.mapping.yaml_file import describe_changes, read_mapping, write_mapping

_TEXT = """\
precedence: latest change first

contact:
  status: Customer
  condition: "Country = 'Nederland: Noord'"
  links:
    - {salesforce_field: Email, name: email_address, unique: true}
    - {salesforce_field: HasOptedOutOfEmail, name: opt_in, opposite: true}
    - {salesforce_field: Score__c, kind: customer option field, name: score}
"""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("contact: " + "[" * 200_000, "nested too deeply"),
        ("contact: " + "9" * 5_000, "a number or a date that nobody can read; put it in quotes"),
        ("contact: {status: 2026-13-45}", "a number or a date that nobody can read; put it in quotes"),
        ("a: &a [x, x]\nb: &b [*a, *a]\ncontact: [*b, *b]", "write out in full"),
    ],
)
def test_file_that_would_never_end_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(MappingError, match=sentence):
        read_mapping(text)


def _standard() -> MappingRules:
    return MappingRules(lead=standard_lead_mapping(), contact=standard_contact_mapping())


def test_a_file_is_read_as_the_mapping_it_shows() -> None:
    rules = read_mapping(_TEXT)

    assert rules.precedence is Precedence.LATEST
    assert rules.lead == ObjectMapping()
    assert (rules.contact.status, rules.contact.condition) == ("Customer", "Country = 'Nederland: Noord'")
    assert rules.contact.links == [
        FieldLink(salesforce_field="Email", name="email_address", unique=True),
        FieldLink(salesforce_field="HasOptedOutOfEmail", name="opt_in", opposite=True),
        FieldLink(salesforce_field="Score__c", kind=CustomerFieldKind.OPTION, name="score"),
    ]


def test_the_standard_mapping_comes_back_as_it_was_written_with_a_line_for_each_link() -> None:
    text = write_mapping(_standard())

    assert read_mapping(text) == _standard()
    assert "    - {salesforce_field: MobilePhone, name: mobile_phone}\n" in text
    assert text.count("    - {") == len(_standard().contact.links) + len(_standard().lead.links)


@given(
    name=st.from_regex(r"[\w .-]{1,80}", fullmatch=True).filter(lambda name: name == name.strip() != ""),
    status=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30).map(str.strip),
)
def test_any_option_name_and_status_come_back_as_they_were_written(name: str, status: str) -> None:
    """Some names read as another type in YAML: no, 1.5, 2026-01-01, null."""
    links = [
        FieldLink(salesforce_field="Email", name="email_address", unique=True),
        FieldLink(salesforce_field="Score__c", kind=CustomerFieldKind.OPTION, name=name),
    ]
    rules = MappingRules(lead=ObjectMapping(), contact=ObjectMapping(links=links, status=status))

    assert read_mapping(write_mapping(rules)) == rules


MISTAKES = [
    (_TEXT.replace("name: opt_in", "name: optin"), "Line 8, contact.links.2: There is no customer field 'optin'"),
    (_TEXT.replace(", opposite: true", ""), "Line 8, contact.links.2: HasOptedOutOfEmail says the opposite"),
    (_TEXT.replace(", unique: true", ""), "Line 3, contact: No link is marked unique"),
    (_TEXT.replace("contact:", "contacts:"), "Line 3: contacts is not a setting of a data mapping."),
    (_TEXT.replace("unique:", "uniqe:"), "Line 7: contact.links.1.uniqe is not a setting of a data mapping."),
    (_TEXT.replace(", name: score", ""), "Line 9: contact.links.3.name is missing."),
    (_TEXT.replace("name: score", "name: no"), "Line 9: contact.links.3.name is a text; put it in quotes."),
    (_TEXT.replace("unique: true", "unique: maybe"), "Line 7: contact.links.1.unique is true or false."),
    (_TEXT.replace("latest change", "oldest change"), "Line 1, precedence: Input should be 'contact first' or"),
    (_TEXT.replace("Score__c", "'Score c'"), "Line 9, contact.links.3.salesforce_field: 'Score c' is not a"),
    (_TEXT.replace("Noord'", "Noord' LIMIT 5"), "Line 5, contact.condition: "),
    (_TEXT + "contact: {}\n", "Line 10 sets contact for the second time; keep one of them."),
    (_TEXT.replace("{salesforce_field: Score__c", "&a [*a], {b"), "has an alias"),
    (_TEXT.replace("status: Customer", "status: &a [*a]"), "has an alias"),
    (_TEXT.replace("{salesforce_field: Score__c", "salesforce_field: Score__c"), "Line 9 is not readable as YAML"),
    ("contact: !!python/object/apply:os.system [ls]\n", "Line 1 is not readable as YAML"),
    ("precedence: contact first\n", "Line 1: No object has links"),
    ("contact: \x00\n", "is not readable as YAML"),
    ("", "The mapping file is empty"),
    ("- Email\n", "The mapping file is empty"),
]


def test_mistake_is_named_with_its_line_in_one_sentence() -> None:
    for wrong, words in MISTAKES:
        with pytest.raises(MappingError) as refusal:
            read_mapping(wrong)
        assert words in str(refusal.value)
        assert "\n" not in str(refusal.value)


def test_changes_are_described_link_by_link() -> None:
    after = read_mapping(
        _TEXT.replace("Score__c, kind", "Rating__c, kind").replace(", opposite: true", ", opposite: yes")
    )
    dropped = after.contact.links.pop(1)

    assert describe_changes(after, after) == []
    assert dropped.name == "opt_in"
    assert describe_changes(read_mapping(_TEXT), after) == [
        "Contact: no longer HasOptedOutOfEmail into the customer field opt_in (says the opposite).",
        "Contact: Rating__c into the customer option field score, was Score__c into the customer option field score.",
    ]
    assert describe_changes(read_mapping(_TEXT), _standard())[:3] == [
        "Precedence: contact first, was latest change first.",
        "Lead status: Prospect, was none.",
        "Lead: new, Email into the customer field email_address (unique).",
    ]
