"""The data mapping: which Salesforce field goes into which customer field, and which link makes a customer unique."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from enum import StrEnum
from hashlib import sha256
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from crm_sync.consent_words import Channel
from crm_sync.errors import MappingError
from crm_sync.mapping.customer_fields import CONSENT_FIELDS, CUSTOMER_FIELDS, GROUPS, FieldType
from crm_sync.mapping.safeguards import Safeguards
from crm_sync.mapping.unstamped import FormulaReading
from crm_sync.salesforce.limits import FIELD_PATH
from crm_sync.sobject import SObject

_OPTION_NAME = re.compile(r"[\w .-]{1,80}")
# Read with every record; Salesforce knows no case, and what is read has these names.
_ALWAYS_READ = ("Id", "SystemModstamp", "IsDeleted", "MasterRecordId", "IsConverted", "ConvertedContactId")

# Of Salesforce itself, by the last part of the path, in lower case.
_SAYS_NO = frozenset({"hasoptedoutofemail", "personhasoptedoutofemail", "hasoptedoutoffax", "donotcall"})
_SOUNDS_LIKE_NO = (
    *("optout", "opt_out", "optedout", "opted_out", "unsubscribe", "donot", "do_not", "nomail", "no_mail", "noemail"),
    *("no_email", "suppress", "blacklist", "blocklist", "afgemeld", "uitgeschreven", "geenmail", "geen_mail"),
)

# What the column of an option field begins with in a frame of customer values (`FieldLink.column`).
OPTION_COLUMN = "option"


class CustomerFieldKind(StrEnum):
    """Where a value goes: a standard field of every customer, or an option field of this brand."""

    STANDARD = "customer field"
    OPTION = "customer option field"


class Precedence(StrEnum):
    """Which record survives when a lead and a contact share the unique field."""

    CONTACT_FIRST = "contact first"
    LATEST = "latest change first"


def says_opposite(salesforce_field: str) -> bool:
    """Return whether a field of Salesforce is known to hold a no: true there means No here. Case does not matter."""
    return salesforce_field.rpartition(".")[2].lower() in _SAYS_NO


def perhaps_says_opposite(salesforce_field: str) -> bool:
    """Return whether a field's name sounds as if true meant No; somebody has to look."""
    name = salesforce_field.rpartition(".")[2].lower()
    return any(word in name for word in _SOUNDS_LIKE_NO)


class Overwrite(StrEnum):
    """What a pull overwrites when a record changed in Salesforce."""

    CHANGED_FIELDS = "changed fields"
    ALL_LINKED_FIELDS = "all linked fields of a changed record"


class Resubscription(StrEnum):
    """Who may take back that a person does not want to be mailed; a complaint only the person can."""

    PERSON_OR_USER = "the person or a Salesforce user"
    PERSON = "only the person"


class DeletedPeople(StrEnum):
    """What happens to customers who are deleted in Salesforce."""

    STOP_MAILING = "stop mailing"
    KEEP_MAILING = "go on mailing"


def _offer_names(schema: dict[str, Any]) -> None:
    """Let the form offer the names of the standard fields to choose from, beside a box for any other."""
    del schema["type"]
    schema["anyOf"] = [
        {"title": "Standard field", "type": "string", "enum": [*CUSTOMER_FIELDS]},
        {"title": "Option field", "type": "string"},
    ]


class FieldLink(BaseModel):
    """One row of the mapping: a Salesforce field and the customer field it fills."""

    # A form has thirty rows and more: their help stands above all of them, in `links`.
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    salesforce_field: str = Field(title="Salesforce field")
    kind: CustomerFieldKind = Field(default=CustomerFieldKind.STANDARD, title="Goes into a")
    name: str = Field(title="Customer field", json_schema_extra=_offer_names)
    unique: bool = Field(default=False, title="Unique")
    opposite: bool = Field(default=False, title="Says the opposite")

    @field_validator("salesforce_field")
    @classmethod
    def _is_an_api_name(cls, value: str) -> str:
        if not re.fullmatch(FIELD_PATH, value, re.ASCII):
            raise ValueError(f"{value!r} is not a Salesforce API name; copy it from Setup > Object Manager > Fields.")
        return value

    @model_validator(mode="after")
    def _names_a_customer_field(self) -> Self:
        if self.kind is CustomerFieldKind.OPTION:
            if not _OPTION_NAME.fullmatch(self.name):
                raise ValueError(
                    f"{self.name!r} cannot name a customer option field; use letters, digits, blanks, . _ or -."
                )
        elif self.name not in CUSTOMER_FIELDS:
            near = get_close_matches(self.name.lower(), CUSTOMER_FIELDS, n=1)
            hint = f"did you mean {near[0]}?" if near else "choose a standard field or make it an option field."
            raise ValueError(f"There is no customer field {self.name!r}; {hint}")
        if self.opposite and self.field_type is not FieldType.YES_NO:
            raise ValueError(f"Only opt_in and sms_opt_in can say the opposite, {self.name} cannot.")
        if self.is_consent and not self.opposite and says_opposite(self.salesforce_field):
            raise ValueError(f"{self.salesforce_field} says the opposite of {self.name}; tick 'Says the opposite'.")
        return self

    @property
    def field_type(self) -> FieldType | None:
        """What the standard field holds; None for an option field, which follows Salesforce's type."""
        return CUSTOMER_FIELDS[self.name] if self.kind is CustomerFieldKind.STANDARD else None

    @property
    def is_consent(self) -> bool:
        """Whether the field holds consent."""
        return self.kind is CustomerFieldKind.STANDARD and self.name in CONSENT_FIELDS

    @property
    def label(self) -> str:
        """The customer field in words: job_title, or option score."""
        return self.name if self.kind is CustomerFieldKind.STANDARD else f"option {self.name}"

    @property
    def column(self) -> str:
        """The name of the customer field in a frame of customer values, where both kinds stand side by side."""
        return f"{'field' if self.kind is CustomerFieldKind.STANDARD else OPTION_COLUMN} {self.name}"

    @property
    def group(self) -> str:
        """The fields that are taken from Salesforce together with this one; most are alone."""
        return GROUPS.get(self.name, self.column) if self.kind is CustomerFieldKind.STANDARD else self.column

    @property
    def target(self) -> tuple[CustomerFieldKind, str]:
        """The customer field as a comparable whole."""
        return self.kind, self.name


class ObjectMapping(BaseModel):
    """The links of one Salesforce object, the status its people get, and which records take part."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    status: str = Field(
        default="",
        title="Customer status",
        description="Status of a customer whose source is this kind of record: Prospect (or Suspect) for a lead, "
        "Customer for a contact. Empty: the status is left as it is.",
    )
    condition: str = Field(
        default="",
        title="Only records where",
        description="Optional SOQL condition, for example: Country = 'Netherlands' AND Score__c > 10",
    )
    links: list[FieldLink] = Field(
        default=[],
        title="Links",
        description="One row per field: its API name as Salesforce Setup shows it, like Email, Title or Score__c, and "
        "the customer field that it fills: a standard one to choose, or an option field of your brand to write. Unique "
        "is on for exactly one row: it identifies a customer, Id or Email as a rule. Says the opposite is only "
        "for opt_in and sms_opt_in, where true in Salesforce means No here, as with HasOptedOutOfEmail. Without rows "
        "this object is left out.",
    )

    @model_validator(mode="after")
    def _links_agree(self) -> Self:
        if not self.links:
            return self
        unique = [link.salesforce_field for link in self.links if link.unique]
        if not unique:
            raise ValueError("No link is marked unique; tick Unique on exactly one (Id or Email as a rule).")
        if len(unique) > 1:
            raise ValueError(f"{' and '.join(unique)} are all marked unique; keep Unique on exactly one link.")
        twice = [name for (_, name), n in Counter(link.target for link in self.links).items() if n > 1]
        if twice:
            raise ValueError(f"Two links fill {twice[0]}; keep one of them.")
        spelling = {name.lower(): name for name in _ALWAYS_READ}
        names = [spelling.setdefault(link.salesforce_field.lower(), link.salesforce_field) for link in self.links]
        self.links = [
            link.model_copy(update={"salesforce_field": name}) for link, name in zip(self.links, names, strict=True)
        ]
        return self

    @property
    def unique_link(self) -> FieldLink:
        """The link whose value is the unique key."""
        return next(link for link in self.links if link.unique)

    @property
    def consent_links(self) -> str:
        """A text that differs whenever consent is read from other fields, or read otherwise."""
        links = (f"{link.salesforce_field} {link.name} {link.opposite}" for link in self.links if link.is_consent)
        return "; ".join(sorted(links))

    @property
    def salesforce_fields(self) -> list[str]:
        """The linked Salesforce fields, each once, in the order of the links."""
        return list(dict.fromkeys(link.salesforce_field for link in self.links))


class MappingRules(BaseModel):
    """The whole mapping: leads, contacts, and which record wins when both are one person."""

    lead: ObjectMapping
    contact: ObjectMapping
    precedence: Precedence = Precedence.CONTACT_FIRST
    overwrite: Overwrite = Overwrite.CHANGED_FIELDS
    resubscription: Resubscription = Resubscription.PERSON_OR_USER
    deleted: DeletedPeople = DeletedPeople.STOP_MAILING
    formulas: FormulaReading = FormulaReading.WITH_FULL_SYNC
    safeguards: Safeguards = Safeguards()

    @model_validator(mode="after")
    def _one_way_to_be_unique(self) -> Self:
        if not self.mapped:
            raise ValueError("No object has links; add at least the unique link of leads or of contacts.")
        targets = {self.of(sobject).unique_link.target for sobject in self.mapped}
        if len(targets) > 1:
            names = " for leads and ".join(self.of(s).unique_link.name for s in SObject)
            raise ValueError(
                f"The unique field is {names} for contacts; it has to be the same customer field for both."
            )
        return self

    @property
    def mapped(self) -> list[SObject]:
        """The objects that take part; contacts first, so that their leads are superseded without a second write."""
        return [sobject for sobject in (SObject.CONTACT, SObject.LEAD) if self.of(sobject).links]

    def consent_links(self, sobject: SObject) -> dict[Channel, FieldLink]:
        """The links of an object that hold consent and can be written: not those to a field of a parent."""
        own = [link for link in self.of(sobject).links if link.is_consent and "." not in link.salesforce_field]
        return {via: link for link in own for via in Channel if via.customer_field == link.name}

    @property
    def linked_consent(self) -> dict[SObject, list[Channel]]:
        """The channels for which each mapped object has a field that can be written."""
        return {one: list(self.consent_links(one)) for one in self.mapped}

    def without(self, objects: Collection[SObject]) -> Self:
        """Return the rules as if these objects were not mapped."""
        return self.model_copy(update={sobject.lower(): ObjectMapping() for sobject in objects})

    def only_with(self, fields: Mapping[SObject, Collection[str]]) -> Self:
        """Return the rules without links to fields that Salesforce does not show; the saved mapping stays as it is.

        Raises MappingError when a unique field is among the missing.
        """
        shown = {}
        for sobject in self.mapped:
            mapping = self.of(sobject)
            if mapping.unique_link.salesforce_field not in fields[sobject]:
                raise MappingError(
                    f"{sobject} has no field {mapping.unique_link.salesforce_field} that the integration user can "
                    "see, and it is the unique field; correct the data mapping or give the user access to it."
                )
            links = [link for link in mapping.links if link.salesforce_field in fields[sobject]]
            shown[sobject.lower()] = mapping.model_copy(update={"links": links})
        return self.model_copy(update=shown)

    def fingerprint(self, sobject: SObject) -> str:
        """Return a text that differs whenever the mapping of `sobject` would read or store something else."""
        content = self.of(sobject).model_dump_json() + self.precedence
        return sha256(content.encode()).hexdigest()[:16]

    def of(self, sobject: SObject) -> ObjectMapping:
        """Return the mapping of one object."""
        return self.lead if sobject is SObject.LEAD else self.contact
