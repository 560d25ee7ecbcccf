"""SOAP envelopes, faults, and XML without its namespaces."""

from xml.etree import ElementTree
from xml.sax.saxutils import escape

from standins.salesforce.http.messages import Answer

_TYPE = "text/xml;charset=UTF-8"


def soap_answer(names: str, content: str, status: int = 200) -> Answer:
    """Return an answer with `content` in an envelope that declares the further namespaces `names`."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        f"{names} "
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<soapenv:Body>{content}</soapenv:Body></soapenv:Envelope>"
    )
    return Answer(status, text.encode(), _TYPE)


def soap_fault(names: str, faultcode: str, text: str, detail: str = "") -> Answer:
    """Return the answer to a refused call."""
    words = f"<faultcode>{faultcode}</faultcode><faultstring>{escape(text)}</faultstring>{detail}"
    return soap_answer(names, f"<soapenv:Fault>{words}</soapenv:Fault>", 500)


def parsed_xml(content: bytes) -> ElementTree.Element:
    """Return the document without its namespaces; raise ParseError for anything else."""
    # Only clients on this machine reach the stand-in.
    document = ElementTree.fromstring(content)  # noqa: S314
    for element in document.iter():
        element.tag = element.tag.rpartition("}")[2]
    return document
