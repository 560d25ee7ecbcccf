"""A data mapping as YAML text, for a team that keeps it under version control: read, written, and compared."""

from typing import Any

import yaml
from pydantic import ConfigDict, ValidationError

from crm_sync.errors import MappingError
from crm_sync.mapping.model import FieldLink, MappingRules, ObjectMapping
from crm_sync.mapping.safeguards import Safeguards
from crm_sync.salesforce.read.soql import build_select
from crm_sync.sobject import SObject

_SETTINGS = ("precedence", "overwrite", "resubscription", "deleted", "formulas", "safeguards")
_OBJECTS = [sobject.lower() for sobject in (SObject.CONTACT, SObject.LEAD)]
_REASONS = {
    "extra_forbidden": "is not a setting of a data mapping",
    "missing": "is missing",
    "bool_type": "is true or false",
    "bool_parsing": "is true or false",
    "string_type": "is a text; put it in quotes",
    "list_type": "is a list; begin each entry with a dash",
    "model_type": "has settings of its own below it",
}
_BEGINNINGS = (
    yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken, yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken,
)  # fmt: skip
_ENDS = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)
_DEEPEST = 20
_Place = tuple[str | int, ...]


class _File(MappingRules):
    """The mapping as a file holds it: an object may be left out, a misspelt one may not be there."""

    model_config = ConfigDict(extra="forbid")

    lead: ObjectMapping = ObjectMapping()
    contact: ObjectMapping = ObjectMapping()


def read_mapping(text: str) -> MappingRules:
    """Return the mapping that the YAML text holds.

    Raises MappingError, with line and setting, for text that is not YAML, an unknown setting or a contradiction.
    """
    try:
        _check_shape(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        raise MappingError(_unreadable(problem)) from None
    except ValueError:
        raise MappingError("The mapping file has a number or a date that nobody can read; put it in quotes.") from None
    if not isinstance(root, yaml.MappingNode) or not isinstance(content, dict):
        raise MappingError(f"The mapping file is empty; it needs at least one of {', '.join(_OBJECTS)}.")
    lines: dict[_Place, int] = {}
    _find_lines(root, (), lines, set())
    try:
        rules = MappingRules(**dict(_File.model_validate(content)))
    except ValidationError as refusal:
        raise MappingError(_refused(refusal, lines)) from None
    _check_conditions(rules, lines)
    return rules


def _check_shape(text: str) -> None:
    """Raise MappingError for what a few bytes can make endless: aliases, and what is nested without end."""
    depth = 0
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        if isinstance(token, yaml.AliasToken):
            raise MappingError("The mapping file has an alias (*name); write out in full what it stands for.")
        depth += isinstance(token, _BEGINNINGS) - isinstance(token, _ENDS)
        if depth > _DEEPEST:
            raise MappingError("The mapping file is nested too deeply; it has objects, their links and nothing below.")


def write_mapping(rules: MappingRules) -> str:
    """Return the mapping as YAML text, a line for each link; `read_mapping` gives back the same mapping."""
    default = MappingRules.model_fields
    chosen = [name for name in _SETTINGS if name == "precedence" or getattr(rules, name) != default[name].default]
    lines = [f"{name}: {_setting(getattr(rules, name))}" for name in chosen]
    for sobject in rules.mapped:
        mapping = rules.of(sobject)
        lines.append(f"\n{sobject.lower()}:")
        lines += [
            f"  {name}: {_scalar(value)}" for name in ("status", "condition") if (value := getattr(mapping, name))
        ]
        lines.append("  links:")
        lines += [f"    - {_one_line(link)}" for link in mapping.links]
    return "\n".join(lines) + "\n"


def describe_changes(before: MappingRules, after: MappingRules) -> list[str]:
    """Return a sentence for each difference between two mappings."""
    pairs = [(name.capitalize(), getattr(before, name), getattr(after, name)) for name in _SETTINGS]
    sentences = [f"{name}: {now}, was {was}." for name, was, now in pairs if was != now]
    for sobject in SObject:
        old, new = before.of(sobject), after.of(sobject)
        for name in ("status", "condition"):
            was, now = getattr(old, name), getattr(new, name)
            if was != now:
                sentences.append(f"{sobject} {name}: {now or 'none'}, was {was or 'none'}.")
        links, kept = _by_target(old), _by_target(new)
        sentences += [
            f"{sobject}: no longer {_describe(link)}." for target, link in links.items() if target not in kept
        ]
        for target, link in kept.items():
            if target not in links:
                sentences.append(f"{sobject}: new, {_describe(link)}.")
            elif link != links[target]:
                sentences.append(f"{sobject}: {_describe(link)}, was {_describe(links[target])}.")
    return sentences


def _by_target(mapping: ObjectMapping) -> dict[tuple[str, str], FieldLink]:
    return {link.target: link for link in mapping.links}


def _describe(link: FieldLink) -> str:
    marks = [mark for mark, is_set in (("unique", link.unique), ("says the opposite", link.opposite)) if is_set]
    return f"{link.salesforce_field} into the {link.kind} {link.name}" + (f" ({', '.join(marks)})" if marks else "")


def _one_line(link: FieldLink) -> str:
    content = link.model_dump(mode="json", exclude_defaults=True)
    return str(
        yaml.safe_dump(content, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
    ).strip()


def _setting(value: str | Safeguards) -> str:
    if isinstance(value, str):
        return _scalar(value)
    parts = (f"{name}: {number}" for name, number in value.model_dump(exclude_defaults=True).items())
    return f"{{{', '.join(parts)}}}"


def _scalar(value: str) -> str:
    """Return a text in the quotes it needs, if any."""
    dumped = str(yaml.safe_dump([str(value)], default_flow_style=True, allow_unicode=True, width=10_000))
    return dumped.strip()[1:-1]


def _find_lines(node: yaml.Node, place: _Place, lines: dict[_Place, int], above: set[int]) -> None:
    """Note the line of every setting; raises MappingError for one that stands there twice."""
    lines.setdefault(place, node.start_mark.line + 1)
    if id(node) in above:
        raise MappingError(f"Line {lines[place]} refers to itself; write out what is meant.")
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if name in seen:
                raise MappingError(f"Line {line} sets {name} for the second time; keep one of them.")
            seen.add(name)
            lines[(*place, name)] = line
            _find_lines(value, (*place, name), lines, above | {id(node)})
    elif isinstance(node, yaml.SequenceNode):
        for number, entry in enumerate(node.value):
            _find_lines(entry, (*place, number), lines, above | {id(node)})


def _unreadable(problem: yaml.YAMLError) -> str:
    mark = getattr(problem, "problem_mark", None)
    where = f"Line {mark.line + 1}" if mark else "The mapping file"
    why = getattr(problem, "problem", None) or "a sign that no text may hold"
    return f"{where} is not readable as YAML: {why}."


def _refused(refusal: ValidationError, lines: dict[_Place, int]) -> str:
    first: Any = refusal.errors(include_input=False, include_url=False, include_context=False)[0]
    place: _Place = first["loc"]
    name = ".".join(str(part + 1) if isinstance(part, int) else part for part in place)
    reason = _REASONS.get(first["type"])
    if reason is None:
        reason = first["msg"].removeprefix("Value error, ")
        return f"{_line_of(place, lines)}{', ' if name else ''}{name}: {reason}"
    return f"{_line_of(place, lines)}: {name} {reason}."


def _line_of(place: _Place, lines: dict[_Place, int]) -> str:
    while place not in lines:
        place = place[:-1]
    return f"Line {lines[place]}"


def _check_conditions(rules: MappingRules, lines: dict[_Place, int]) -> None:
    for sobject in rules.mapped:
        mapping = rules.of(sobject)
        try:
            build_select(sobject, mapping.salesforce_fields, where=mapping.condition or None)
        except MappingError as refusal:
            place = (sobject.lower(), "condition")
            raise MappingError(f"{_line_of(place, lines)}, {'.'.join(place)}: {refusal}") from None
