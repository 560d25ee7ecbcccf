"""The settings of a Salesforce Synchronize step, held against the data mapping."""

from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel, Field, field_validator

from crm_sync.errors import ConfigurationError
from crm_sync.mapping.model import FieldLink, MappingRules
from crm_sync.salesforce.limits import RECORDS_PER_COLLECTION
from crm_sync.salesforce.read.soql import checked_field
from crm_sync.salesforce.write.options import WriteOptions
from crm_sync.sobject import SObject

_ID = "id"


class PushSettings(BaseModel):
    """What a step sends: to leads or contacts, which of the linked Salesforce fields, and who wins."""

    sobject: SObject = Field(
        default=SObject.CONTACT,
        title="Write to",
        description="Leads or contacts. The customer's Salesforce Id, which has to be linked in the data mapping when "
        "it is not the unique field, says which one.",
    )
    fields: list[str] = Field(
        default=["HasOptedOutOfEmail"],
        title="Salesforce fields to send",
        description="API names, for example Title or MobilePhone. Only fields that the data mapping links: these go "
        "both ways, all other links only from Salesforce to the customer. The Id is always part of it.",
    )
    always_send: bool = Field(
        default=False,
        title="Always send",
        description="Off: only values that differ from what Salesforce is known to have. On: every value of the fields "
        "above, which also starts the automation that Salesforce has on them.",
    )
    customer_wins: bool = Field(
        default=False,
        title="The customer wins",
        description="Off: a field that Salesforce has changed since the last pull stays as it is there, and the run "
        "reports it; this takes one request more per push. On: the customer's value overwrites it. Opt-outs go by "
        "rules of their own, whatever stands here.",
    )
    trust_pull_minutes: int = Field(
        default=0,
        ge=0,
        le=1440,
        title="Trust a pull for (minutes)",
        description="If the last pull is no older, Salesforce is not asked for changes before sending, which saves "
        "that request; what it changed in those minutes is overwritten. 0: always ask. Whether it still holds the "
        "opt-out of a customer who said no is always asked.",
    )
    follow_converted: bool = Field(
        default=True,
        title="Follow converted leads",
        description="On: what is meant for a converted lead goes to its contact, to the fields that are linked to the "
        "same customer fields. Off: such customers leave by error.",
    )
    records_at_once: int = Field(
        default=RECORDS_PER_COLLECTION,
        ge=1,
        le=RECORDS_PER_COLLECTION,
        title="Records at once",
        description="How many records Salesforce gets to write together. Fewer, when the org's own triggers and flows "
        "do not take so many; a run that finds out by itself goes on with half as many, and remembers it for a week.",
    )
    save_despite_alerts: bool = Field(
        default=False,
        title="Save in spite of duplicate alerts",
        description="On: a record is written also where a duplicate rule of the org that only alerts finds another one "
        "like it. Off: it leaves by error. A rule that blocks refuses it either way.",
    )

    @field_validator("fields")
    @classmethod
    def _are_api_names(cls, value: list[str]) -> list[str]:
        return [checked_field(name.strip()) for name in value]


@dataclass(frozen=True)
class CheckedSettings:
    """Settings that fit the mapping: the links to send, for each object that a push may write to."""

    settings: PushSettings
    rules: MappingRules
    links: dict[SObject, list[FieldLink]]

    @property
    def write_options(self) -> WriteOptions:
        """How the records are handed to Salesforce."""
        return WriteOptions(self.settings.records_at_once, self.settings.save_despite_alerts)

    @cached_property
    def unlinked(self) -> list[FieldLink]:
        """The lead's links to send that a contact has no counterpart of."""
        if SObject.CONTACT not in self.links or self.settings.sobject is not SObject.LEAD:
            return []
        of_contact = {link.target for link in self.links[SObject.CONTACT]}
        return [link for link in self.links[SObject.LEAD] if link.target not in of_contact]

    @cached_property
    def id_link(self) -> FieldLink:
        """The link through which a customer knows its record."""
        return _id_link(self.rules, self.settings.sobject)

    @cached_property
    def targets(self) -> list[FieldLink]:
        """One link for each customer field that is sent, whatever the object."""
        every = [link for links in self.links.values() for link in links]
        return list({link.target: link for link in every}.values())


def check_settings(settings: PushSettings, rules: MappingRules) -> CheckedSettings:
    """Hold the settings against the mapping; raises ConfigurationError with what to change."""
    sobject = settings.sobject
    mapping = rules.of(sobject)
    if not mapping.links:
        raise ConfigurationError(f"{sobject} has no links in the data mapping; link its fields before sending them.")
    _id_link(rules, sobject)
    linked = {link.salesforce_field.lower(): link for link in reversed(mapping.links)}
    wanted = [name for name in dict.fromkeys(settings.fields) if name.lower() != _ID]
    unknown = [name for name in wanted if name.lower() not in linked]
    if unknown:
        raise ConfigurationError(
            f"{', '.join(unknown)} cannot be sent to the {sobject}: not linked in the data mapping; linked are "
            f"{', '.join(name for name in mapping.salesforce_fields if name.lower() != _ID)}."
        )
    if parents := [name for name in wanted if "." in name]:
        raise ConfigurationError(
            f"{parents[0]} belongs to another record than the {sobject} and cannot be sent; leave it out."
        )
    if not wanted:
        raise ConfigurationError("The Salesforce Synchronize settings name no field to send; add at least one.")
    # Consent goes by itself, before anything else (`crm_sync.consent`), and never with other values.
    links = {sobject: [link for name in wanted if not (link := linked[name.lower()]).is_consent]}
    if sobject is SObject.LEAD and settings.follow_converted and rules.contact.links:
        links[SObject.CONTACT] = _same_fields_of_a_contact(links[sobject], rules)
    return CheckedSettings(settings, rules, links)


def _same_fields_of_a_contact(links: list[FieldLink], rules: MappingRules) -> list[FieldLink]:
    """Return the contact's links that are filled from the same customer fields."""
    by_target = {
        link.target: link
        for link in reversed(rules.contact.links)
        if link.salesforce_field.lower() != _ID and "." not in link.salesforce_field
    }
    return [by_target[link.target] for link in links if link.target in by_target]


def _id_link(rules: MappingRules, sobject: SObject) -> FieldLink:
    links = [link for link in rules.of(sobject).links if link.salesforce_field.lower() == _ID]
    if not links:
        raise ConfigurationError(
            f"The unique field of the {sobject} is {rules.of(sobject).unique_link.salesforce_field}, so its Id has to "
            "be linked too: without it nobody knows which record to write; link Id in the data mapping."
        )
    return links[0]
