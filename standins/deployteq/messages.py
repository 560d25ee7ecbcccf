"""Values out of a request's XML, and an answer's values into it, by the tables of the description."""

from typing import Any

from lxml import etree

from standins.deployteq.description import ENVELOPE, OPERATIONS, TNS, schema
from standins.deployteq.faults import BAD_ARGUMENT, SoapFault
from standins.deployteq.fields import RECORDS

NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)


def read_call(body: bytes, extra_field: str = "") -> tuple[str, dict[str, Any]]:
    """Return operation and arguments; raises SoapFault for what the schema does not allow.

    A field that is nil is None, one that is left out is missing.
    """
    try:
        envelope = etree.fromstring(body, _PARSER)
    except etree.XMLSyntaxError:
        raise SoapFault("SOAP-ENV:Client", "Bad Request") from None
    content = envelope.find(f"{{{ENVELOPE}}}Body")
    if envelope.tag != f"{{{ENVELOPE}}}Envelope" or content is None or len(content) != 1:
        raise SoapFault("SOAP-ENV:Client", "Bad Request")
    call = content[0]
    rules = schema(extra_field)
    if not rules.validate(call):
        raise SoapFault(BAD_ARGUMENT, f"Invalid argument: {rules.error_log.last_error.message}")
    name = etree.QName(call).localname
    return name, {etree.QName(one).localname: _value(one, _argument_type(name, one)) for one in call}


def _argument_type(operation: str, argument: Any) -> str:
    return {"uuid": "string", **OPERATIONS[operation][0]}[etree.QName(argument).localname]


def _value(element: Any, kind: str) -> Any:
    if element.get(NIL) in {"true", "1"}:
        return None
    if kind.startswith("ArrayOf"):
        inner = kind.removeprefix("ArrayOf")
        return [_value(one, "string" if inner == "String" else inner) for one in element]
    if kind in RECORDS:
        types = RECORDS[kind]
        found = {etree.QName(one).localname: one for one in element}
        return {name: _value(one, types.get(name, "string")) for name, one in found.items()}
    text = element.text or ""
    if kind == "long":
        return int(text)
    return text.strip() in {"true", "1"} if kind == "boolean" else text


def write_answer(operation: str, value: Any, extra_field: str = "") -> bytes:
    """Return the answer, which the schema allows as well."""
    root = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"SOAP-ENV": ENVELOPE, "ns1": TNS})
    body = etree.SubElement(root, f"{{{ENVELOPE}}}Body")
    answer = etree.SubElement(body, f"{{{TNS}}}{operation}Response")
    etree.SubElement(answer, f"{{{TNS}}}code").text = "0"
    _write(answer, "msg", value, OPERATIONS[operation][1], extra_field)
    schema(extra_field).assertValid(answer)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _write(parent: Any, name: str, value: Any, kind: str, extra_field: str) -> None:
    element = etree.SubElement(parent, f"{{{TNS}}}{name}")
    if value is None:
        element.set(NIL, "true")
    elif kind.startswith("ArrayOf"):
        inner = kind.removeprefix("ArrayOf")
        for one in value:
            _write(element, inner, one, "string" if inner == "String" else inner, extra_field)
    elif kind in RECORDS:
        fields = [*RECORDS[kind].items()]
        if kind == "Customer" and extra_field:
            fields.insert(len(fields) // 2, (extra_field, "string"))
        for field, own in fields:
            if field in value:
                _write(element, field, value[field], own, extra_field)
    else:
        element.text = str(value).lower() if kind == "boolean" else str(value)


def write_fault(fault: SoapFault) -> bytes:
    """Return a refusal as SOAP 1.1 has it."""
    root = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"SOAP-ENV": ENVELOPE})
    body = etree.SubElement(root, f"{{{ENVELOPE}}}Body")
    element = etree.SubElement(body, f"{{{ENVELOPE}}}Fault")
    etree.SubElement(element, "faultcode").text = fault.code
    etree.SubElement(element, "faultstring").text = fault.text
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))
