"""Described fields in a form that the customer database keeps, so that a push need not ask each time."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from crm_sync.salesforce.schema.describe import FieldDescription


def as_json(fields: Mapping[str, FieldDescription]) -> dict[str, Any]:
    """Return the fields in a form that a JSON column keeps."""
    return {name: asdict(field) for name, field in fields.items()}


def from_json(kept: Mapping[str, Any]) -> dict[str, FieldDescription]:
    """Return the fields that `as_json` put away."""
    return {name: FieldDescription(**_with_tuples(field)) for name, field in kept.items()}


def _with_tuples(field: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in field.items()}
