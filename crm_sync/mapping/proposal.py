"""Proposes a data mapping from what Salesforce describes: fields are matched by name and by label."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from crm_sync.errors import MappingError
from crm_sync.mapping.customer_fields import CUSTOMER_FIELDS, FieldType
from crm_sync.mapping.model import (
    CustomerFieldKind,
    FieldLink,
    MappingRules,
    ObjectMapping,
    perhaps_says_opposite,
    says_opposite,
)
from crm_sync.mapping.standard import standard_contact_mapping, standard_lead_mapping
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.sobject import SObject

_STANDARD = {SObject.CONTACT: standard_contact_mapping(), SObject.LEAD: standard_lead_mapping()}
_TEXTS = frozenset({"string", "textarea", "picklist", "combobox", "email", "phone", "url", "int"})
_TYPES = {
    FieldType.TEXT: _TEXTS,
    FieldType.DATE: frozenset({"date"}),
    FieldType.YES_NO: frozenset({"boolean"}),
}
# What an option field can hold: no files, no parts of which a field is made, no Ids of other records.
_OPTION_TYPES = _TEXTS | {"multipicklist", "boolean", "date", "datetime", "double", "currency", "percent"}
# Salesforce's names for customer fields that are called otherwise; without blanks and signs, in small letters.
_SYNONYMS = {
    "fax": "fax_number",
    "businessfax": "fax_number",
    "initial": "initials",
    "middlename": "middlename",
    "genderidentity": "gender",
    "dateofbirth": "birthday",
    "placeofbirth": "birthplace",
    "housenumber": "address_number",
    "housenumbersuffix": "address_number_suffix",
    "housenumberaddition": "address_number_suffix",
    "postcode": "zip_code",
    "postalcode": "zip_code",
    "otherstreet": "alternate_address",
    "othercity": "alternate_city",
    "otherstate": "alternate_state",
    "otherpostalcode": "alternate_zip_code",
    "othercountry": "alternate_country",
    "secondemail": "alternate_email_address",
    "alternateemail": "alternate_email_address",
    "languagecode": "language",
    "preferredlanguage": "language",
}
_NAMES = {name.replace("_", ""): name for name in CUSTOMER_FIELDS} | _SYNONYMS
# Fields whose true means No.
_OPPOSITES = {"hasoptedoutofsms": "sms_opt_in", "smsoptout": "sms_opt_in"}
# A person decides these: who is who, and which of an org's many opt-ins is the one for e-mail.
_BY_HAND = frozenset({"external_id", "user_name", "email_type", "opt_in"})
_UNIQUE = "Email"


@dataclass(frozen=True)
class ProposedLink:
    """A link, and why it is proposed."""

    sobject: SObject
    field: FieldDescription
    link: FieldLink
    because: str


@dataclass(frozen=True)
class MappingProposal:
    """Links to start from, the fields that nothing is proposed for, and the objects that cannot take part."""

    rules: MappingRules
    links: list[ProposedLink]
    left_over: dict[SObject, list[FieldDescription]]
    without_unique: list[SObject]
    saved_as: str = ""

    @property
    def without_opt_in(self) -> list[SObject]:
        """The objects without a link to opt_in: all their customers would be opted out."""
        filled = {link.sobject for link in self.links if link.link.name == "opt_in"}
        return [sobject for sobject in self.rules.mapped if sobject not in filled]

    @property
    def sound_like_no(self) -> list[str]:
        """The fields of which nobody knows yet whether true means No, and that sound so."""
        known = {(one.sobject, one.field.name) for one in self.links if one.link.opposite}
        fields = [(one.sobject, one.field) for one in self.links] + [
            (sobject, one) for sobject, left in self.left_over.items() for one in left
        ]
        return [
            f"{sobject}.{one.name}"
            for sobject, one in fields
            if (sobject, one.name) not in known and one.type == "boolean" and _is_a_question(one.name)
        ]

    def sentence(self) -> str:
        """Say in one sentence what is proposed and where it is."""
        counts = {sobject: sum(link.sobject is sobject for link in self.links) for sobject in self.rules.mapped}
        proposed = " and ".join(f"{count} links for {sobject}" for sobject, count in counts.items())
        missing = "".join(
            f" {sobject} is left out, because the integration user sees no {_UNIQUE} there."
            for sobject in self.without_unique
        )
        saved = f"saved as the block {self.saved_as!r}" if self.saved_as else "nothing is saved"
        return f"Proposed {proposed}; {saved}.{missing}"


def propose_mapping(
    described: Mapping[SObject, Mapping[str, FieldDescription]], *, own_fields: bool = True
) -> MappingProposal:
    """Return links for the described fields whose name or label matches a customer field.

    `own_fields`: also propose a customer option field for every other field that the org added itself.
    Raises MappingError when no object shows the unique field.
    """
    objects = [sobject for sobject in _STANDARD if sobject in described]
    seen = [sobject for sobject in objects if _UNIQUE in described[sobject]]
    if not seen:
        raise MappingError(
            f"Neither leads nor contacts show the field {_UNIQUE}, which makes a customer unique; "
            "give the integration user access to it, or fill in the data mapping by hand."
        )
    links = {sobject: _links(sobject, described[sobject], own_fields=own_fields) for sobject in seen}
    mappings = {
        sobject: ObjectMapping(status=_STANDARD[sobject].status, links=[proposed.link for proposed in links[sobject]])
        for sobject in seen
    }
    linked = {(sobject, proposed.field.name) for sobject in seen for proposed in links[sobject]}
    return MappingProposal(
        rules=MappingRules(
            lead=mappings.get(SObject.LEAD, ObjectMapping()), contact=mappings.get(SObject.CONTACT, ObjectMapping())
        ),
        links=[proposed for sobject in seen for proposed in links[sobject]],
        left_over={
            sobject: [field for name, field in described[sobject].items() if (sobject, name) not in linked]
            for sobject in seen
        },
        without_unique=[sobject for sobject in objects if sobject not in seen],
    )


def _is_a_question(name: str) -> bool:
    return perhaps_says_opposite(name) and not says_opposite(name)


def _links(sobject: SObject, fields: Mapping[str, FieldDescription], *, own_fields: bool) -> list[ProposedLink]:
    """Return the proposed links of one object: no field and no customer field in two of them."""
    links = [
        ProposedLink(sobject, fields[link.salesforce_field], link, "standard field")
        for link in _STANDARD[sobject].links
        if link.salesforce_field in fields
    ]
    taken = {proposed.link.target for proposed in links}
    used = {proposed.field.name for proposed in links}
    rules = _RULES | (_OWN_FIELDS if own_fields else {})
    for because, rule in rules.items():
        for field in fields.values():
            found = next((link for link in rule(field) if link.target not in taken), None)
            if found is not None and field.name not in used:
                links.append(ProposedLink(sobject, field, found, because))
                taken.add(found.target)
                used.add(field.name)
    return links


def _by_name(field: FieldDescription) -> Iterator[FieldLink]:
    yield from _called(field, field.name.removesuffix("__c").removesuffix("__pc"))


def _by_label(field: FieldDescription) -> Iterator[FieldLink]:
    yield from _called(field, field.label)


def _called(field: FieldDescription, called: str) -> Iterator[FieldLink]:
    key = re.sub(r"[\W_]", "", called).lower()
    opposite = key in _OPPOSITES
    name = _OPPOSITES.get(key) or _NAMES.get(key)
    if name and name not in _BY_HAND and field.type in _TYPES[CUSTOMER_FIELDS[name]]:
        yield FieldLink(salesforce_field=field.name, name=name, opposite=opposite)


def _own_field(field: FieldDescription) -> Iterator[FieldLink]:
    """Propose the label as the option's name, or the API name where another field has that label."""
    if not field.name.endswith("__c") or field.type not in _OPTION_TYPES:
        return
    for called in (field.label, field.name.removesuffix("__c")):
        name = " ".join(re.sub(r"[^\w .-]+", " ", called).split())[:80].strip()
        if name:
            yield FieldLink(salesforce_field=field.name, kind=CustomerFieldKind.OPTION, name=name)


_RULES = {"same name": _by_name, "same label": _by_label}
_OWN_FIELDS = {"field of your own": _own_field}
