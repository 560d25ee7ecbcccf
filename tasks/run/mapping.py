"""Holding a mapping against what Salesforce describes."""

from collections.abc import Collection
from functools import cache, partial

from crm_sync.mapping.checked import ResolvedMapping, without_missing_fields
from crm_sync.mapping.model import MappingRules
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read import soql as queries
from crm_sync.salesforce.schema.field_paths import find_types
from crm_sync.sobject import SObject
from tasks.run.reading import describe_object


def find_mapped_types(org: SalesforceOrg, rules: MappingRules) -> dict[SObject, dict[str, str | None]]:
    """Return the type of every mapped field, None for those that Salesforce does not show."""
    describe_once = cache(partial(describe_object, org))
    return {
        sobject: find_types(sobject, rules.of(sobject).salesforce_fields, describe_once) for sobject in rules.mapped
    }


def check_mapping(org: SalesforceOrg, rules: MappingRules, objects: Collection[SObject]) -> ResolvedMapping:
    """Leave out of the mapping what Salesforce does not show; the saved mapping stays as it is.

    Raises MappingError when a unique field cannot be seen, a field cannot be read in bulk, or a filter is none.
    """
    checked = without_missing_fields(rules, find_mapped_types(org, rules))
    for sobject, paths in checked.types.items():
        queries.refuse_compound_fields(sobject, paths)
    for sobject in objects:
        checked.query(sobject)
    return checked
