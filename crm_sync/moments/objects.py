"""The two objects that hold contact moments in Salesforce: their names in this org, and what they need to be."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from crm_sync.salesforce.limits import API_NAME
from crm_sync.sobject import SObject

_NAMESPACE = re.compile(r"[A-Za-z](_?[A-Za-z0-9]){0,14}", re.ASCII)
_PREFIXED = 2


def _named(name: str, title: str, holds: str) -> str:
    description = f"API name of the field that holds {holds}. Empty: your objects have no such field."
    field: str = Field(default=name, title=title, description=description)
    return field


class MomentFields(BaseModel):
    """The fields of a contact moment by what they hold; both objects have them."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    moment_id: str = Field(
        default="MomentId__c",
        title="Moment id",
        description="API name of the field that holds our key of the moment: a text marked External ID and Unique. "
        "It cannot be left out, since it is what keeps a moment from being written twice.",
    )
    subject: str = _named("Subject__c", "Subject", "the subject line")
    campaign: str = _named("Campaign__c", "Campaign", "the campaign's name")
    mailing: str = _named("Mailing__c", "Mailing", "the mailing's name")
    sent_at: str = _named("SentAt__c", "Sent", "the moment it was sent")
    delivered_at: str = _named("DeliveredAt__c", "Delivered", "the moment it was delivered")
    first_opened_at: str = _named("FirstOpenedAt__c", "First opened", "the moment it was first opened")
    last_opened_at: str = _named("LastOpenedAt__c", "Last opened", "the moment it was last opened")
    opens: str = _named("Opens__c", "Opens", "how often it was opened")
    first_clicked_at: str = _named("FirstClickedAt__c", "First clicked", "the moment of the first click")
    last_clicked_at: str = _named("LastClickedAt__c", "Last clicked", "the moment of the last click")
    clicks: str = _named("Clicks__c", "Clicks", "how often it was clicked")
    bounced_at: str = _named("BouncedAt__c", "Bounced", "the moment it came back")
    bounce_category: str = _named("BounceCategory__c", "Bounce category", "the kind of bounce")
    bounce_reason: str = _named("BounceReason__c", "Bounce reason", "the reason of the bounce")
    unsubscribed_at: str = _named("UnsubscribedAt__c", "Unsubscribed", "the moment of the unsubscription")
    online_version: str = _named("OnlineVersion__c", "Online version", "the address of the online version")

    @field_validator("*")
    @classmethod
    def _is_an_api_name(cls, value: str) -> str:
        return _checked_api_name(value) if value else value

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        if not self.moment_id:
            raise ValueError("Moment id cannot be empty; name a text field marked External ID and Unique.")
        twice = [name for name, uses in Counter(name.lower() for name in self.named().values()).items() if uses > 1]
        if twice:
            raise ValueError(f"Two of the fields are called {twice[0]}; give each a field of its own.")
        return self

    def named(self) -> dict[str, str]:
        """Return the API names by what the fields hold, without those that were left empty."""
        return {holds: name for holds, name in self.model_dump().items() if name}


@dataclass(frozen=True)
class MomentObject:
    """One of the two objects, with the API names of this org: whose moments it holds, and its fields by content."""

    parent: SObject
    name: str
    lookup: str
    fields: dict[str, str]

    @property
    def moment_id(self) -> str:
        """The external id by which a moment is found again."""
        return self.fields["moment_id"]


class MomentObjects(BaseModel):
    """The names of the two objects and of their fields in this org; by default those that this product installs."""

    model_config = ConfigDict(str_strip_whitespace=True)

    namespace: str = Field(
        default="",
        title="Namespace",
        description="Of the managed package, as in Setup > Installed Packages. It is put before every name below that "
        "ends in __c and has none yet. Empty: the objects belong to the org itself.",
    )
    lead_object: str = Field(
        default="ClangLeadContactMoment__c",
        title="Object of leads",
        description="API name of the object that holds the moments of leads.",
    )
    lead_lookup: str = Field(
        default="Lead__c",
        title="Lookup to the lead",
        description="API name of that object's field that leads to the lead.",
    )
    contact_object: str = Field(
        default="ClangContactContactMoment__c",
        title="Object of contacts",
        description="API name of the object that holds the moments of contacts.",
    )
    contact_lookup: str = Field(
        default="Contact__c",
        title="Lookup to the contact",
        description="API name of that object's field that leads to the contact.",
    )
    fields: MomentFields = Field(
        # A literal default: the form in the UI shows it, which it would not with a factory.
        default=MomentFields(),
        title="Fields",
        description="API names of the other fields, the same in both objects. A field left empty is not written.",
    )

    @field_validator("namespace")
    @classmethod
    def _is_a_namespace(cls, value: str) -> str:
        if value and not _NAMESPACE.fullmatch(value):
            raise ValueError(f"{value[:40]!r} is not a namespace; copy it from Setup > Installed Packages.")
        return value

    @field_validator("lead_object", "lead_lookup", "contact_object", "contact_lookup")
    @classmethod
    def _is_an_api_name(cls, value: str) -> str:
        return _checked_api_name(value)

    @model_validator(mode="after")
    def _has_a_name_for_each(self) -> Self:
        if self.lead_object.lower() == self.contact_object.lower():
            raise ValueError("The moments of leads and of contacts need an object each; name two objects.")
        for lookup in (self.lead_lookup, self.contact_lookup):
            if lookup.lower() in {name.lower() for name in self.fields.named().values()}:
                raise ValueError(f"{lookup} is both the lookup and another field; give each a field of its own.")
        return self

    def of(self, parent: SObject) -> MomentObject:
        """Return the object that holds the moments of leads or of contacts."""
        is_lead = parent is SObject.LEAD
        return MomentObject(
            parent=parent,
            name=self._full(self.lead_object if is_lead else self.contact_object),
            lookup=self._full(self.lead_lookup if is_lead else self.contact_lookup),
            fields={holds: self._full(name) for holds, name in self.fields.named().items()},
        )

    @property
    def both(self) -> tuple[MomentObject, MomentObject]:
        """The object of leads and that of contacts."""
        return self.of(SObject.LEAD), self.of(SObject.CONTACT)

    @property
    def are_ours(self) -> bool:
        """Tell whether these are the objects that this product installs, some fields of them perhaps left out."""
        return all(
            (one.name, one.lookup) == (ours.name, ours.lookup) and one.fields.items() <= ours.fields.items()
            for one, ours in zip(self.both, MomentObjects().both, strict=True)
        )

    def _full(self, name: str) -> str:
        """Return a name with the namespace before it, unless it has one already or is no custom name."""
        if not self.namespace or not name.endswith("__c") or name.count("__") >= _PREFIXED:
            return name
        return f"{self.namespace}__{name}"


def _checked_api_name(value: str) -> str:
    """Return the API name of an object or a field; raises ValueError for what cannot be one."""
    if not re.fullmatch(API_NAME, value, re.ASCII):
        raise ValueError(f"{value[:80]!r} is not a Salesforce API name; copy it from Setup > Object Manager.")
    return value
