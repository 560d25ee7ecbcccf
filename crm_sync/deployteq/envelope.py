"""Calls as XML and answers from it. Answers are read by name: a library that reads by place loses fields, and with them
opt-outs, on the day the vendor adds one (crm_sync/DECISIONS.md)."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lxml import etree

from crm_sync.deployteq.operations import ARGUMENTS, ITEMS, KNOWN, RECORD_ORDER, TNS
from crm_sync.errors import DeployteqUnavailableError

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_TAGS = {f"{{{TNS}}}{name}": name for name in KNOWN}
# What XML 1.0 has no form for.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Fault:
    """A refusal as it came: a number, or a word where the service has no number."""

    code: str
    text: str


def xml_safe(text: str) -> str:
    """Return the text without the characters that XML cannot hold."""
    return _FORBIDDEN.sub("", text)


def build_call(operation: str, token: str, arguments: Mapping[str, Any]) -> bytes:
    """Return the body of a call; an argument or a field that the interface does not know is our own mistake."""
    root = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"soap": _SOAP, None: TNS})
    call = etree.SubElement(etree.SubElement(root, f"{{{_SOAP}}}Body"), f"{{{TNS}}}{operation}")
    etree.SubElement(call, f"{{{TNS}}}uuid").text = xml_safe(token)
    if unknown := set(arguments) ^ set(ARGUMENTS[operation]):
        raise ValueError(f"{operation} takes other arguments: {sorted(unknown)}")
    for name in ARGUMENTS[operation]:
        _write(call, name, arguments[name])
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _write(parent: Any, name: str, value: Any) -> None:
    element = etree.SubElement(parent, f"{{{TNS}}}{name}")
    if value is None:
        element.set(_NIL, "true")
    elif isinstance(value, list):
        for one in value:
            _write(element, ITEMS[name], one)
    elif isinstance(value, Mapping):
        _write_record(element, name, value)
    elif isinstance(value, bool):
        element.text = "true" if value else "false"
    else:
        element.text = xml_safe(str(value))


def _write_record(element: Any, name: str, record: Mapping[str, Any]) -> None:
    order = RECORD_ORDER[name]
    if unknown := record.keys() - set(order):
        raise ValueError(f"{name} has no such fields: {sorted(unknown)}")
    for field in order:
        if field not in record:
            continue
        if field == "options":
            _write_options(element, record[field])
        else:
            _write(element, field, record[field])


def _write_options(element: Any, options: Mapping[str, str]) -> None:
    listed = etree.SubElement(element, f"{{{TNS}}}options")
    for name, value in options.items():
        one = etree.SubElement(listed, f"{{{TNS}}}CustomerOption")
        _write(one, "name", name)
        _write(one, "value", value)


def read_answer(body: bytes) -> Any:
    """Return the element `msg` of an answer, or the Fault; raises DeployteqUnavailableError when it is neither."""
    # Made anew for each answer: a parser is not to be shared between threads.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    content = None
    with suppress(etree.XMLSyntaxError):  # whose message quotes the answer
        content = etree.fromstring(body, parser).find(f"{{{_SOAP}}}Body")
    if content is None or not len(content):
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
    return str(element.tag).rpartition("}")[2]


def read_record(element: Any) -> dict[str, str]:
    """Return the fields of a flat record; nil, absent and empty are one thing."""
    return {name_of(one): one.text or "" for one in element}


def read_customer(element: Any) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Return a customer's fields, its option fields, and the names of fields that are not known here."""
    fields: dict[str, str] = {}
    options: dict[str, str] = {}
    unknown = []
    for child in element:
        # Seventy fields a customer: most are found by their whole tag.
        name = _TAGS.get(child.tag) or name_of(child)
        if name == "options":
            for one in child:
                option = read_record(one)
                if option.get("name"):
                    options[option["name"]] = option.get("value", "")
        elif name in KNOWN:
            fields[name] = child.text or ""
        else:
            unknown.append(name)
    return fields, options, unknown
