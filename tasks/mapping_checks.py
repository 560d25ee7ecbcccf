"""Holding a mapping against what Salesforce describes."""

from collections.abc import Collection
from dataclasses import dataclass

from prefect import task

from crm_sync.mapping import MappingRules, SObject
from crm_sync.salesforce import queries
from crm_sync.salesforce.describe import FieldDescription, describe
from crm_sync.salesforce.field_paths import find_types
from crm_sync.salesforce.org import SalesforceOrg
from tasks.retry_policy import TALKS_TO_SALESFORCE


@dataclass(frozen=True)
class CheckedMapping:
    """The mapping as far as Salesforce shows its fields, their types, and the fields it does not show."""

    rules: MappingRules
    types: dict[SObject, dict[str, str]]
    missing: dict[SObject, list[str]]

    def columns(self, sobject: SObject) -> list[str]:
        """Return the fields to read of `sobject`: the mapped ones, and those that every sync needs."""
        return queries.select_columns(sobject, self.rules.of(sobject).salesforce_fields)

    def query(self, sobject: SObject) -> str:
        """Return the query for every mapped record of `sobject`; raises MappingError for a filter that is none."""
        mapping = self.rules.of(sobject)
        return queries.build_select(sobject, mapping.salesforce_fields, where=mapping.condition or None)


@task(task_run_name="describe {sobject}", **TALKS_TO_SALESFORCE)
def describe_object(org: SalesforceOrg, sobject: str) -> dict[str, FieldDescription]:
    """Return every field of `sobject` that the integration user may see."""
    return describe(org, sobject)


def find_mapped_types(org: SalesforceOrg, rules: MappingRules) -> dict[SObject, dict[str, str | None]]:
    """Return the type of every mapped field, None for those that Salesforce does not show."""
    described: dict[str, dict[str, FieldDescription]] = {}

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
    found = find_mapped_types(org, rules)
    types = {
        sobject: {path: kind for path, kind in paths.items() if kind is not None} for sobject, paths in found.items()
    }
    for sobject, paths in types.items():
        queries.refuse_compound_fields(sobject, paths)
    missing = {sobject: [path for path, kind in found[sobject].items() if kind is None] for sobject in objects}
    checked = CheckedMapping(rules.only_with(types), types, missing)
    for sobject in objects:
        checked.query(sobject)
    return checked
