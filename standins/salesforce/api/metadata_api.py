"""The SOAP Metadata API: deploy() and checkDeployStatus().

Deployed objects and fields can be used by everyone at once; in Salesforce a permission set has to allow it.
"""

import base64
import binascii
from collections.abc import Mapping
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from standins.salesforce.api.metadata_package import components
from standins.salesforce.api.soap import parsed_xml, soap_answer, soap_fault
from standins.salesforce.errors import SalesforceError
from standins.salesforce.http.messages import Answer, Request
from standins.salesforce.org.deployments import Component
from standins.salesforce.org.org import Org

_NAMES = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
_FAULT_NAMES = 'xmlns:sf="http://soap.sforce.com/2006/04/metadata"'


def call(org: Org, request: Request, version: str) -> Answer:
    """Answer one call; a refusal is a fault."""
    try:
        document = _parsed(request.body)
        org.logins.check(document.findtext("Header/SessionHeader/sessionId"))
        org.usage.check()
        operation = next(iter(document.find("Body") or ()), None)
        if operation is not None and operation.tag == "deploy":
            return _deploy(org, operation)
        if operation is not None and operation.tag == "checkDeployStatus":
            return _status(org, operation)
        raise SalesforceError(500, "INVALID_OPERATION", "No operation available for request")  # noqa: TRY301
    except SalesforceError as error:
        return soap_fault(_FAULT_NAMES, f"sf:{error.code}", f"{error.code}: {error.message}")


def _deploy(org: Org, operation: ElementTree.Element) -> Answer:
    try:
        content = base64.b64decode(operation.findtext("ZipFile", ""), validate=False)
    except binascii.Error as error:
        raise SalesforceError(500, "INVALID_ZIP_FILE", "The zip file is not base64") from error
    deployment = org.deployments.create(components(content))
    if not deployment.failures:
        for component in deployment.components:
            if component.sobject:
                org.add_object(component.sobject)
    return _answer("deploy", {"done": "false", "id": deployment.id, "state": "Queued"})


def _status(org: Org, operation: ElementTree.Element) -> Answer:
    deployment = org.deployments.get(operation.findtext("asyncProcessId", ""))
    deployment.poll()
    failed = len(deployment.failures)
    total = len(deployment.components)
    counted = {"numberComponentErrors": failed, "numberComponentsDeployed": total - failed} if deployment.done else {}
    values = {
        "checkOnly": "false",
        "createdDate": deployment.created.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "done": str(deployment.done).lower(),
        "id": deployment.id,
        "ignoreWarnings": "false",
        **{name: str(count) for name, count in counted.items()},
        "numberComponentsTotal": str(total),
        "numberTestErrors": "0",
        "numberTestsCompleted": "0",
        "numberTestsTotal": "0",
        "rollbackOnError": "true",
        "runTestsEnabled": "false",
        "status": deployment.status,
        "success": str(deployment.status == "Succeeded").lower(),
    }
    failures = "".join(map(_failure, deployment.failures)) if deployment.done else ""
    asked = operation.findtext("includeDetails") == "true"
    return _answer("checkDeployStatus", values, f"<details>{failures}</details>" if asked else "")


def _failure(component: Component) -> str:
    values = {
        "changed": "false",
        "componentType": component.type,
        "created": "false",
        "deleted": "false",
        "fileName": component.file,
        "fullName": component.name,
        "problem": component.problem,
        "problemType": "Error",
        "success": "false",
    }
    return f"<componentFailures>{_elements(values)}</componentFailures>"


def _elements(values: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())


def _answer(operation: str, values: Mapping[str, str], more: str = "") -> Answer:
    content = f"<{operation}Response><result>{_elements(values)}{more}</result></{operation}Response>"
    return soap_answer(_NAMES, content)


def _parsed(body: bytes) -> ElementTree.Element:
    try:
        return parsed_xml(body)
    except ElementTree.ParseError as error:
        raise SalesforceError(500, "UNKNOWN_EXCEPTION", f"Invalid XML: {error}") from error
