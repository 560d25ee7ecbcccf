"""Holding a mapping against what Salesforce describes."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache, partial

from crm_sync.errors import AuthorizationError, UnknownObjectError
from crm_sync.mapping.checked import ResolvedMapping, without_missing_fields
from crm_sync.mapping.model import MappingRules
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read.soql import select_columns
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.salesforce.schema.field_paths import find_fields, refuse_compound_fields
from crm_sync.sobject import SObject
from tasks.run.reading import describe_object

Fields = dict[str, FieldDescription | None]


def find_mapped_fields(org: SalesforceOrg, rules: MappingRules) -> tuple[dict[SObject, Fields], dict[SObject, str]]:
    """Return every field that a sync reads, None for those that Salesforce does not show; and which objects cannot be
    read, and why. Raises MappingError for a field that Salesforce only gives in parts."""
    describe_once = cache(partial(describe_object, org))
    found: dict[SObject, Fields] = {}
    left_out: dict[SObject, str] = {}
    for sobject in rules.mapped:
        mapped = rules.of(sobject).salesforce_fields
        try:
            found[sobject] = find_fields(sobject, select_columns(sobject, mapped), describe_once)
        except UnknownObjectError:
            left_out[sobject] = no_access(sobject)
            continue
        refuse_compound_fields(sobject, found[sobject], describe_once)
        hidden = [path for path, field in found[sobject].items() if field is None and path not in mapped]
        if hidden:
            left_out[sobject] = f"Salesforce does not show {sobject}.{hidden[0]}, which every sync reads"
    return found, left_out


def no_access(sobject: SObject) -> str:
    """Say why an object cannot be read."""
    return f"the integration user has no access to {sobject}: give it Read on {sobject}, or take it out of the mapping"


def raise_if_all_left_out(rules: MappingRules, left_out: Mapping[SObject, str]) -> None:
    """Raise AuthorizationError when no mapped object can be read."""
    if len(left_out) == len(rules.mapped):
        raise AuthorizationError(f"Nothing can be read from Salesforce, since {' and '.join(left_out.values())}.")


def check_mapping(
    org: SalesforceOrg,
    rules: MappingRules,
    objects: Collection[SObject],
    known: Mapping[SObject, Mapping[str, str | None]],
) -> ResolvedMapping:
    """Leave out of the mapping what Salesforce does not show; the saved mapping stays as it is.

    `known`: the types of the fields as they were read before; an object that can no longer be read keeps them. Raises
    MappingError when a unique field cannot be seen, a field cannot be read in bulk, or a filter is none, and
    AuthorizationError when no mapped object can be read.
    """
    found, left_out = find_mapped_fields(org, rules)
    raise_if_all_left_out(rules, left_out)
    types: dict[SObject, dict[str, str | None]] = {}
    for sobject in rules.mapped:
        mapped = rules.of(sobject).salesforce_fields
        if sobject in left_out:
            if set(mapped) <= known.get(sobject, {}).keys():
                types[sobject] = {path: known[sobject][path] for path in mapped}
            continue
        types[sobject] = {path: field.kept_type if field else None for path, field in found[sobject].items()}
        types[sobject] = {path: types[sobject][path] for path in mapped}
    read = rules.without([sobject for sobject in rules.mapped if sobject not in types])
    checked = replace(without_missing_fields(read, types), saved=rules, left_out=left_out)
    for sobject in objects:
        if sobject in checked.readable:
            checked.query(sobject)
    return checked
