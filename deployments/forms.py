"""The form of a run: the schema of its parameters as a marketer reads it, own boxes first, blocks as pickers.

Prefect makes it of the signature: in its order, with Python's names, a text box beside each picker of a block, and
"(Optional)" behind all that has a default. The server holds what is given against the same schema.
"""

from collections.abc import Collection, Mapping
from typing import Any

from prefect import Flow
from prefect.utilities.callables import ParameterSchema, parameter_schema

from crm_sync.push.typed_names import PERSONAL, SELECTABLE
from deployments.register import BLOCK_TYPES

# Where the name of a parameter is not what a marketer calls it.
_TITLES = {
    "campaign": "Campaign",
    "which": "Which output to send again",
    "of_run": "Only the outputs of run number",
    "objects": "Records to read",
    "other_org": "When it is another org",
    "own_fields": "Also fields that your org added",
    "run": "Number of the run",
    "customers": "Only these customers, by their numbers",
    "fields": "Only these fields",
    "who": "Person",
    "also_in_deployteq": "Also in Deployteq",
    "customer_ids": "Customers by their numbers",
    "selection": "Customers by their fields",
    "overlap_minutes": "Minutes to read again",
    "refused_again": "Also what was refused before",
    "start_again": "Start from the first record",
    "full_sync_first": "Do a full sync first, if one is due",
}
_BLOCK_NAMES = {kind.get_block_type_slug(): kind.get_block_type_name() for kind in BLOCK_TYPES}
_OR_A_NAME = ", a saved block or its name"


class FormSchema(ParameterSchema):
    """The schema, closed to names that no parameter has: a misspelt one is refused before the run."""

    additionalProperties: bool = False  # JSON Schema's own name


def form_of(flow: Flow[..., Any], parameters: Mapping[str, Any], options: Collection[str] = ()) -> FormSchema:
    """Return the form of a flow; `parameters`: what its boxes start with, `options`: option fields to select by."""
    schema = parameter_schema(flow).model_dump()
    boxes, definitions = schema["properties"], schema["definitions"]
    own = [name for name in boxes if not _block(boxes[name], definitions)]
    ordered = [*own, *(name for name in boxes if name not in own)]
    properties = {name: _box(name, boxes[name], definitions) | {"position": at} for at, name in enumerate(ordered)}
    if "FieldEquals" in definitions:
        definitions["FieldEquals"] = _condition(definitions["FieldEquals"], options)
    return FormSchema(
        title="Parameters",
        type="object",
        properties=properties,
        required=[name for name in ordered if name in schema["required"] or _stays_filled(parameters.get(name))],
        definitions=definitions,
        additionalProperties=False,
    )


def defaults_of(flow: Flow[..., Any]) -> dict[str, Any]:
    """Return what a flow's own boxes start with, as JSON has it."""
    schema = parameter_schema(flow).model_dump()
    return {
        name: box["default"]
        for name, box in schema["properties"].items()
        if box.get("default") is not None and not _block(box, schema["definitions"])
    }


def _stays_filled(value: Any) -> bool:
    """Return whether a box has a value anyway, and is not called optional; one that people empty may stay empty."""
    return value not in (None, "")


def _box(name: str, box: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    said = " ".join(box.get("description", "").replace(_OR_A_NAME, "").split())
    block = _block(box, definitions)
    if block:
        title = _BLOCK_NAMES[definitions[block]["block_type_slug"]]
        # That the box of a block holds the block says nothing; which one it is without any, does.
        said = said.removeprefix(f"{title}.").strip() or f"Left empty: the one named '{box['default']}'."
        return {"$ref": f"#/definitions/{block}", "title": title, "description": said}
    shown = {key: value for key, value in box.items() if key != "anyOf"}
    if _is_number(box):
        shown = {key: value for key, value in shown.items() if key != "default"} | {"type": "integer"}
    elif box.get("type") == "array":
        shown["minItems"] = 0  # else the form takes an empty list for a missing one
    elif "anyOf" in box:
        shown["anyOf"] = box["anyOf"]
    return shown | {"title": _TITLES.get(name, name.replace("_", " ").capitalize()), "description": said}


def _block(box: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Return the definition of the block that a box picks, if it picks one."""
    names = [one["$ref"].rpartition("/")[2] for one in [box, *box.get("anyOf", [])] if "$ref" in one]
    return next((name for name in names if "block_type_slug" in definitions.get(name, {})), "")


def _is_number(box: Mapping[str, Any]) -> bool:
    """Return whether a box takes a whole number or nothing, which a form would show as two tabs."""
    return {one.get("type") for one in box.get("anyOf", [])} == {"integer", "null"}


def _condition(definition: dict[str, Any], options: Collection[str]) -> dict[str, Any]:
    """Return the boxes of a condition with its field as a picker, without those that lead to one person."""
    known = [name for name in dict.fromkeys([*SELECTABLE, *options]) if name not in PERSONAL]
    field = definition["properties"]["field"] | {"enum": known}
    return definition | {"title": "Condition", "properties": definition["properties"] | {"field": field}}
