"""Deploys a zip of metadata with the SOAP Metadata API.

The REST resource deployRequest takes the same zip as a multipart form; SOAP takes it in one plain request.
"""

from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from simple_salesforce.api import Salesforce

from crm_sync.errors import AuthorizationError, FatalError, SalesforceUnavailableError
from crm_sync.salesforce.limits import LONGEST_WAIT
from crm_sync.salesforce.metadata.package import METADATA_NAMESPACE
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read.bulk_query import poll_delays

_HEADERS = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}
# Every element that the WSDL requires, in its order; production accepts no other rollbackOnError. Without a test
# level and without Apex, no test runs.
_OPTIONS = {
    "allowMissingFiles": "false",
    "autoUpdatePackage": "false",
    "checkOnly": "false",
    "ignoreWarnings": "false",
    "performRetrieve": "false",
    "purgeOnDelete": "false",
    "rollbackOnError": "true",
    "singlePackage": "true",
}
_UNREADABLE = "Salesforce's answer about a deployment is not readable; it can be asked again."


@dataclass(frozen=True)
class ComponentFailure:
    """A component that Salesforce refused, and the reason."""

    type: str
    name: str
    problem: str

    def sentence(self) -> str:
        """Return one sentence that names the component and its problem."""
        what = " ".join(part for part in (self.type, self.name) if part) or "The deployment"
        # A problem may run over several lines, and end as a sentence or not.
        return f"{what}: {' '.join(self.problem.split()).rstrip('.')}."


@dataclass(frozen=True)
class Deployment:
    """A deployment as Salesforce reports it; after a failure, nothing of it is in the org."""

    id: str
    status: str
    is_done: bool
    succeeded: bool
    failures: tuple[ComponentFailure, ...] = ()


def start_deployment(org: SalesforceOrg, content: bytes) -> str:
    """Start to deploy a zip of metadata, all of it or nothing, and return the deployment's id; one request.

    Rule: Metadata API guide, "deploy()". Repeating it is harmless: the same metadata changes nothing. Raises
    AuthorizationError when the user may not deploy.
    """
    options = "".join(f"<{name}>{value}</{name}>" for name, value in _OPTIONS.items())
    zipped = b64encode(content).decode("ascii")
    try:
        result = _call(org, "deploy", f"<ZipFile>{zipped}</ZipFile><DeployOptions>{options}</DeployOptions>")
    except AuthorizationError as refusal:
        if not (refusal.code or "").startswith("INSUFFICIENT_ACCESS"):
            raise
        raise AuthorizationError(
            "The integration user may not install anything in Salesforce; give it the permissions 'Modify Metadata "
            "Through Metadata API Functions' and 'Customize Application' for the time of the installation.",
            code=refusal.code,
        ) from refusal
    return _text(result, "id")


def read_deployment(org: SalesforceOrg, deployment_id: str) -> Deployment:
    """Return the state of a deployment; one request. Rule: Metadata API guide, "checkDeployStatus()"."""
    asked = f"<asyncProcessId>{escape(deployment_id)}</asyncProcessId><includeDetails>true</includeDetails>"
    result = _call(org, "checkDeployStatus", asked)
    failures = [_failure(found) for found in result.iterfind("details/componentFailures")]
    if message := result.findtext("errorMessage"):
        failures.append(ComponentFailure("", "", message))
    status = _text(result, "status")
    is_done, succeeded = _text(result, "done") == "true", _text(result, "success") == "true"
    if is_done and not succeeded and not failures:
        failures.append(ComponentFailure("", "", f"Salesforce ended it as {status}"))
    return Deployment(_text(result, "id"), status, is_done, succeeded, tuple(failures))


def wait_for_deployment(look: Callable[[], Deployment], sleep: Callable[[float], None]) -> Deployment:
    """Poll with `look`, more and more rarely, until the deployment is done, and return it."""
    for delay in poll_delays():
        sleep(delay)
        deployment = look()
        if deployment.is_done:
            return deployment
    raise FatalError(
        f"Salesforce has not finished deployment {deployment.id} within {LONGEST_WAIT / 3600:g} hours (Setup > "
        "Deployment Status shows it, and can cancel it); run this again when it has ended."
    )


def _failure(found: ElementTree.Element) -> ComponentFailure:
    return ComponentFailure(
        type=found.findtext("componentType", ""),
        name=found.findtext("fullName", ""),
        problem=found.findtext("problem", "") or "Salesforce gives no reason",
    )


def _call(org: SalesforceOrg, operation: str, content: str) -> ElementTree.Element:
    """Send one SOAP call and return its result element."""

    def send(client: Salesforce) -> bytes:
        # From 67.0 on SOAP takes access tokens in JWT format, which an org may give; the zip states its own version.
        url = f"https://{client.sf_instance}/services/Soap/m/{client.sf_version}"
        body = _envelope(client.session_id, operation, content).encode()
        answer: bytes = client.session.post(url, data=body, headers=_HEADERS).content
        return answer

    with suppress(ElementTree.ParseError):
        # Expat refuses documents whose entities expand without end.
        document = ElementTree.fromstring(org.ask(send))  # noqa: S314  # Salesforce's own answer
        for element in document.iter():
            element.tag = element.tag.rpartition("}")[2]
        result = document.find(f"Body/{operation}Response/result")
        if result is not None:
            return result
    # Not chained: the parser's error quotes the answer.
    raise SalesforceUnavailableError(_UNREADABLE)


def _envelope(session_id: str, operation: str, content: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns="{METADATA_NAMESPACE}">'
        f"<e:Header><SessionHeader><sessionId>{escape(session_id)}</sessionId></SessionHeader></e:Header>"
        f"<e:Body><{operation}>{content}</{operation}></e:Body></e:Envelope>"
    )


def _text(result: ElementTree.Element, name: str) -> str:
    text = result.findtext(name)
    if not text:
        raise SalesforceUnavailableError(_UNREADABLE)
    return text
