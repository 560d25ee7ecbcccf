"""Holding a mapping against what Salesforce describes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from prefect import task

from crm_sync.customers.watermarks import Watermark
from crm_sync.mapping import MappingRules, SObject
from crm_sync.salesforce import queries
from crm_sync.salesforce.describe import FieldDescription, describe
from crm_sync.salesforce.field_paths import find_types
from crm_sync.salesforce.org import SalesforceOrg
from tasks.retry_policy import TALKS_TO_SALESFORCE


@dataclass(frozen=True)
class CheckedMapping:
    """The mapping as far as Salesforce shows its fields, their types, the fields it does not show, and all it says of
    the fields if it was asked."""

    rules: MappingRules
    types: dict[SObject, dict[str, str]]
    missing: dict[SObject, list[str]]
    saved: MappingRules
    described: Mapping[SObject, dict[str, FieldDescription]] = field(default_factory=dict)

    def columns(self, sobject: SObject) -> list[str]:
        """Return the fields to read of `sobject`: the mapped ones, and those that every sync needs."""
        return queries.select_columns(sobject, self.rules.of(sobject).salesforce_fields)

    def query(self, sobject: SObject, **bounds: Any) -> str:
        """Return the query for every mapped record of `sobject`, or those within the bounds of `build_select`.

        Raises MappingError for a filter that is none.
        """
        mapping = self.rules.of(sobject)
        return queries.build_select(sobject, mapping.salesforce_fields, where=mapping.condition or None, **bounds)

    def watermark(self, sobject: SObject, stored_until: datetime) -> Watermark:
        """Return the watermark of an object that is stored whole up to that moment."""
        return Watermark(
            sobject=sobject,
            stored_until=stored_until,
            mapping_fingerprint=self.saved.fingerprint(sobject),
            unique_field=self.saved.of(sobject).unique_link.salesforce_field,
            field_types=self.field_types(sobject),
        )

    def field_types(self, sobject: SObject) -> dict[str, str | None]:
        """Return the type of each mapped field, None for one that Salesforce does not show."""
        return self.types[sobject] | dict.fromkeys(self.missing[sobject])


@task(task_run_name="describe {sobject}", **TALKS_TO_SALESFORCE)
def describe_object(org: SalesforceOrg, sobject: str) -> dict[str, FieldDescription]:
    """Return every field of `sobject` that the integration user may see."""
    return describe(org, sobject)


def find_mapped_types(
    org: SalesforceOrg, rules: MappingRules, described: dict[str, dict[str, FieldDescription]] | None = None
) -> dict[SObject, dict[str, str | None]]:
    """Return the type of every mapped field, None for those that Salesforce does not show; `described` is filled."""
    described = {} if described is None else described

    def describe_once(name: str) -> dict[str, FieldDescription]:
        if name not in described:
            described[name] = describe_object(org, name)
        return described[name]

    return {
        sobject: find_types(sobject, rules.of(sobject).salesforce_fields, describe_once) for sobject in rules.mapped
    }


def check_mapping(org: SalesforceOrg, rules: MappingRules, objects: Collection[SObject]) -> CheckedMapping:
    """Leave out of the mapping what Salesforce does not show; the saved mapping stays as it is.

    Raises MappingError when a unique field cannot be seen, a field cannot be read in bulk, or a filter is none.
    """
    described: dict[str, dict[str, FieldDescription]] = {}
    found = find_mapped_types(org, rules, described)
    checked = replace(
        leave_out_missing(rules, found), described={one: described[one] for one in rules.mapped if one in described}
    )
    for sobject, paths in checked.types.items():
        queries.refuse_compound_fields(sobject, paths)
    for sobject in objects:
        checked.query(sobject)
    return checked


def leave_out_missing(rules: MappingRules, found: Mapping[SObject, Mapping[str, str | None]]) -> CheckedMapping:
    """Return the mapping without the fields whose type is None; raises MappingError for a unique one."""
    types = {
        sobject: {path: kind for path, kind in paths.items() if kind is not None} for sobject, paths in found.items()
    }
    missing = {sobject: [path for path, kind in paths.items() if kind is None] for sobject, paths in found.items()}
    return CheckedMapping(rules.only_with(types), types, missing, rules)
