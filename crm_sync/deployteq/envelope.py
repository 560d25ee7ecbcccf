"""Calls as XML and answers from it. Answers are read by name: a library that reads by place loses fields, and with them
opt-outs, on the day the vendor adds one (crm_sync/DECISIONS.md)."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lxml import etree

from crm_sync.deployteq.operations import ARGUMENTS, ITEMS, KNOWN, RECORD_PLACES, TNS
from crm_sync.errors import DeployteqUnavailableError

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_BEGIN = (
    f'<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="{_SOAP}" xmlns="{TNS}" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Body>'
)
_END = "</soap:Body></soap:Envelope>"
_MARKUP, _ESCAPED = re.compile("[&<>\r]"), str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
# What XML 1.0 has no form for, beside surrogates.
_CONTROLS = bytes({*range(32)} - {*b"\t\n\r"})
_NO_CHARACTERS = ("\ufffe".encode(), "\uffff".encode())


@dataclass(frozen=True)
class Fault:
    """A refusal as it came: a number, or a word where the service has no number."""

    code: str
    text: str


def xml_safe(text: str) -> bytes:
    """Return the text as UTF-8, without the characters that XML cannot hold."""
    safe = text.encode(errors="ignore").translate(None, _CONTROLS)
    for one in _NO_CHARACTERS:
        safe = safe.replace(one, b"")
    return safe


def build_call(operation: str, token: str, arguments: Mapping[str, Any]) -> bytes:
    """Return the body of a call; an argument or a field that the interface does not know is our own mistake."""
    if unknown := set(arguments) ^ set(ARGUMENTS[operation]):
        raise ValueError(f"{operation} takes other arguments: {sorted(unknown)}")
    parts = [f"{_BEGIN}<{operation}>", _element("uuid", token)]
    parts += (_element(name, arguments[name]) for name in ARGUMENTS[operation])
    parts.append(f"</{operation}>{_END}")
    return xml_safe("".join(parts))


def _element(name: str, value: Any) -> str:
    if isinstance(value, str):
        return f"<{name}>{_escaped(value)}</{name}>"
    if value is None:
        return f'<{name} xsi:nil="true"/>'
    if isinstance(value, list):
        content = "".join([_element(ITEMS[name], one) for one in value])
    elif isinstance(value, Mapping):
        content = _record(name, value)
    else:
        content = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{content}</{name}>"


def _record(name: str, record: Mapping[str, Any]) -> str:
    form, fields = _form(name, tuple(record))
    return form % tuple([_options(record[one]) if one == "options" else _content(record[one]) for one in fields])


# Customers of a batch have the same fields, as a rule.
@lru_cache(maxsize=1024)
def _form(name: str, fields: tuple[str, ...]) -> tuple[str, list[str]]:
    """Return the fields in the interface's order, and a text with a place for each element."""
    places = RECORD_PLACES[name]
    if unknown := set(fields) - places.keys():
        raise ValueError(f"{name} has no such fields: {sorted(unknown)}")
    in_order = sorted(fields, key=places.__getitem__)
    return "".join(f"<{one}%s</{one}>" for one in in_order), in_order


def _options(options: Mapping[str, str | None]) -> str:
    return _options_form(tuple(options)) % tuple([_content(value) for value in options.values()])


@lru_cache(maxsize=1024)
def _options_form(names: tuple[str, ...]) -> str:
    named = (f"<name>{_escaped(name).replace('%', '%%')}</name><value%s</value>" for name in names)
    return ">" + "".join(f"<CustomerOption>{one}</CustomerOption>" for one in named)


def _content(value: Any) -> str:
    """Return the rest of an element's start tag, and what is in it."""
    if isinstance(value, str):
        return ">" + _escaped(value)
    return ' xsi:nil="true">' if value is None else f">{value}"


def _escaped(text: str) -> str:
    # A parser reads a bare carriage return as a line feed.
    return text.translate(_ESCAPED) if _MARKUP.search(text) else text


def read_answer(body: bytes) -> Any:
    """Return the element `msg` of an answer, or the Fault; raises DeployteqUnavailableError when it is neither."""
    # Made anew for each answer: a parser is not to be shared between threads.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    content = None
    with suppress(etree.XMLSyntaxError):  # whose message quotes the answer
        content = etree.fromstring(body, parser).find(f"{{{_SOAP}}}Body")
    # SOAP has no document types; with one, an entity could stand for a part of a text.
    if content is None or not len(content) or content.getroottree().docinfo.internalDTD is not None:
        raise DeployteqUnavailableError("Deployteq's answer is no complete SOAP message; the call can be tried again.")
    answer = content[0]
    if name_of(answer) == "Fault":
        found = {name_of(one): (one.text or "").strip() for one in answer}
        return Fault(found.get("faultcode", "").rpartition(":")[2], found.get("faultstring", ""))
    for child in answer:
        if name_of(child) == "msg":
            return child
    raise DeployteqUnavailableError("Deployteq's answer has no result; the call can be tried again.")


def name_of(element: Any) -> str:
    """Return an element's name without its namespace."""
    return _bare(element.tag)


@lru_cache(maxsize=512)
def _bare(tag: str) -> str:
    return tag.rpartition("}")[2]


def read_number(element: Any) -> int:
    """Return the number that an element holds; 0 when it holds none."""
    text = element.text or ""
    return int(text) if text.isdecimal() else 0


def read_record(element: Any) -> dict[str, str]:
    """Return the fields of a flat record; nil, absent and empty are one thing."""
    return {_bare(one.tag): one.text or "" for one in element}


def read_customer(element: Any) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Return a customer's fields and option fields that hold something, and the names of fields that are not known
    here; nil, absent and empty are one thing."""
    fields: dict[str, str] = {}
    options: dict[str, str] = {}
    unknown = []
    for child in element:
        text = child.text
        # Of a customer's seventy fields most are empty.
        if text is None and not len(child):
            continue
        name = _bare(child.tag)
        if name == "options":
            for one in child:
                option = read_record(one)
                if option.get("name") and option.get("value"):
                    options[option["name"]] = option["value"]
        elif name not in KNOWN:
            unknown.append(name)
        elif text is not None:
            fields[name] = text
    return fields, options, unknown
