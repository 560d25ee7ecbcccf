"""The mapping as far as Salesforce shows its fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crm_sync.consent_words import Channel
from crm_sync.mapping.bystanders import consent_of_bystanders
from crm_sync.mapping.model import MappingRules, ObjectMapping
from crm_sync.salesforce.read import soql as queries
from crm_sync.salesforce.read.changed_since import ChangeQuery
from crm_sync.sobject import SObject

# Of the queries for fields that change without a stamp.
FORMULAS = "formulas"


@dataclass(frozen=True)
class ResolvedMapping:
    """The mapping as far as Salesforce shows its fields, with their types.

    `missing`: the mapped fields that it does not show. `saved`: the whole mapping. `left_out`: the objects that cannot
    be read, and why; what was read of them before still counts.
    """

    rules: MappingRules
    types: dict[SObject, dict[str, str]]
    missing: dict[SObject, list[str]]
    saved: MappingRules
    left_out: dict[SObject, str] = field(default_factory=dict)

    @property
    def readable(self) -> list[SObject]:
        """The mapped objects that can be read."""
        return [sobject for sobject in self.rules.mapped if sobject not in self.left_out]

    @property
    def hidden_consent(self) -> dict[SObject, list[Channel]]:
        """The channels whose linked field Salesforce no longer shows, by object."""
        hidden = {}
        for one in self.rules.mapped:
            shown = set() if one in self.left_out else _channels(self.rules.of(one))
            if gone := _channels(self.saved.of(one)) - shown:
                hidden[one] = sorted(gone)
        return hidden

    def columns(self, sobject: SObject) -> list[str]:
        """Return the fields to read of `sobject`: the mapped ones and those that every sync needs."""
        return queries.select_columns(sobject, self.rules.of(sobject).salesforce_fields)

    def changes(self, sobject: SObject, since: datetime | None = None) -> ChangeQuery:
        """Return the query for every mapped record of `sobject`, or for those that changed since a moment."""
        return ChangeQuery(sobject, self.types[sobject], since, where=self.rules.of(sobject).condition or None)

    def bystanders(self, sobject: SObject, since: datetime | None = None) -> ChangeQuery | None:
        """Return the query for consent of all records of `sobject`; None where `changes` reads all of them anyway."""
        if (links := consent_of_bystanders(self.rules.of(sobject))) is None:
            return None
        types = {path: self.types[sobject][path] for path in links.salesforce_fields}
        return ChangeQuery(sobject, types, since, what="bystanders")

    def formulas(self, sobject: SObject, paths: Sequence[str]) -> ChangeQuery:
        """Return the query for some fields of every mapped record of `sobject`, whatever its stamp."""
        types = {path: kind for path, kind in self.types[sobject].items() if path in paths}
        return ChangeQuery(sobject, types, None, where=self.rules.of(sobject).condition or None, what=FORMULAS)

    def query(self, sobject: SObject) -> str:
        """Return the query for every mapped record of `sobject`; raises MappingError for a filter that is none."""
        return self.changes(sobject).by_time

    def field_types(self, sobject: SObject) -> dict[str, str | None]:
        """Return the type of each mapped field, None for one that Salesforce does not show."""
        return self.types[sobject] | dict.fromkeys(self.missing[sobject])


def _channels(mapping: ObjectMapping) -> set[Channel]:
    linked = {link.name for link in mapping.links if link.is_consent}
    return {channel for channel in Channel if channel.customer_field in linked}


def without_missing_fields(rules: MappingRules, found: Mapping[SObject, Mapping[str, str | None]]) -> ResolvedMapping:
    """Return the mapping without the fields whose type is None; raises MappingError for a unique one."""
    types = {
        sobject: {path: kind for path, kind in paths.items() if kind is not None} for sobject, paths in found.items()
    }
    missing = {sobject: [path for path, kind in paths.items() if kind is None] for sobject, paths in found.items()}
    return ResolvedMapping(rules.only_with(types), types, missing, rules)
