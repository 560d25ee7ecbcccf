"""Bystanders: records outside of the mapping's condition. They take no part, but what they say of consent counts."""

from collections.abc import Mapping

import pandas as pd

from crm_sync.columns.address_hash import AddressHash
from crm_sync.mapping.model import ObjectMapping
from crm_sync.mapping.transform import EMAIL_ADDRESS, map_records
from crm_sync.sobject import SObject


def consent_of_bystanders(mapping: ObjectMapping) -> ObjectMapping | None:
    """Return the links that show who says no, or None when every record takes part or no field holds consent."""
    if not mapping.condition or not any(link.is_consent for link in mapping.links):
        return None
    kept = [link for link in mapping.links if link.unique or link.is_consent or link.target == EMAIL_ADDRESS]
    return mapping.model_copy(update={"links": kept, "condition": ""})


def map_bystanders(
    records: pd.DataFrame, sobject: SObject, mapping: ObjectMapping, types: Mapping[str, str], hashes: AddressHash
) -> pd.DataFrame:
    """Map records to mirror rows without a key, so that no customer comes of them, and without personal values.

    `mapping`: that of `consent_of_bystanders`.
    """
    mapped = map_records(records, sobject, mapping, types, hashes)
    nothing = pd.Series(pd.NA, index=records.index, dtype="str")
    return mapped.assign(unique_key=nothing, reject_reason=nothing, field_values="{}")
